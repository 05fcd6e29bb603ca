// On the inbox: says that messages came since it was rendered, and offers to show them.
// It must never load anything by itself: loading the inbox marks as read.

import { counted } from "./texts.js";

export class Arrivals {
  #link;
  #count = 0;

  constructor(link) {
    this.#link = link;
  }

  add() {
    this.#count += 1;
    this.#link.hidden = false;
    this.#link.textContent = this.text;
  }

  get text() {
    return counted("Show {n} new", "Show {n} new", this.#count);
  }
}
