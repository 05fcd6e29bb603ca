// The line that tells how this page is being told. It says nothing while all is well, and nothing
// about a hiccup that is over before anybody could have noticed.
// It must never be the only sign of anything: the badge is right again as soon as it can be.

import { text } from "./texts.js";

const HICCUP_MS = 1_500;

const SENTENCES = {
  reconnecting: text("Reconnecting…"),
  offline: text("You are offline. New messages will show when you are back."),
  polling: text("Live updates do not get through here: looking for news every few seconds."),
};

export class ConnectionLine {
  #element;
  #timer;

  constructor(element) {
    this.#element = element;
  }

  show(state) {
    clearTimeout(this.#timer);
    const wait = state === "reconnecting" ? HICCUP_MS : 0;
    this.#timer = setTimeout(() => {
      this.#element.dataset.state = state;
      this.#element.textContent = SENTENCES[state] ?? "";
    }, wait);
  }
}
