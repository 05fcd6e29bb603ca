// Says live changes to a screen reader: politely, gathered, each once.
// It must never speak while nothing new has come, nor more than once in a gathering.

const GATHER_MS = 1_500;

export class Announcer {
  #element;
  #texts = new Map();
  #timer = null;

  constructor(element) {
    this.#element = element;
  }

  // Of several texts of one kind only the newest is said.
  say(kind, text) {
    this.#texts.set(kind, text);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#element.textContent = [...this.#texts.values()].join(" ");
      this.#texts.clear();
    }, GATHER_MS);
  }
}
