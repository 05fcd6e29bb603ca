// How far this page has been told. Lets every event pass once, in order.
// It must never move back, nor skip what is still being fetched.

export class Cursor {
  #sequence;
  #held = null;
  #deliver;

  constructor(sequence, deliver) {
    this.#sequence = sequence;
    this.#deliver = deliver;
  }

  get sequence() {
    return this.#sequence;
  }

  take(event) {
    if (this.#held) {
      this.#held.push(event);
    } else if (event.sequence > this.#sequence) {
      this.#sequence = event.sequence;
      this.#deliver(event);
    }
  }

  // While older events are fetched, newer ones wait; otherwise the older would count as repeats.
  // When they cannot be had now (null) nothing is taken: the next attempt brings them all.
  async hold(fetchOlder) {
    if (this.#held) return;
    this.#held = [];
    const older = await fetchOlder();
    const waiting = older ? [...older, ...this.#held] : [];
    this.#held = null;
    waiting.sort((a, b) => a.sequence - b.sequence);
    for (const event of waiting) this.take(event);
  }
}
