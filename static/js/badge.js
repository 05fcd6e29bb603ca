// The count of unread messages in the bar. It must never show an older count than it did before.

import { shown } from "./centre/attention.js";

export class Badge {
  #element;
  #sequence;
  #tell;

  // tell(count) hears every count that is shown.
  constructor(element, tell) {
    this.#element = element;
    this.#tell = tell;
    this.#sequence = Number(element.dataset.sequence);
    tell(Number(element.dataset.count));
  }

  // A count is the state at its sequence: one that comes late is older, whatever its number.
  show(count, sequence) {
    if (sequence < this.#sequence) return;
    const grew = count > Number(this.#element.dataset.count);
    this.#sequence = sequence;
    this.#element.dataset.sequence = sequence;
    this.#element.dataset.count = count;
    this.#element.hidden = count === 0;
    this.#element.querySelector("[data-figure]").textContent = shown(count);
    this.#tell(count);
    if (grew) this.#ring();
  }

  #ring() {
    this.#element.classList.remove("arrived");
    // Reading the size makes the browser forget the animation that ran before.
    void this.#element.offsetWidth;
    this.#element.classList.add("arrived");
  }
}
