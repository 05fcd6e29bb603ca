// How this page is being told: a small word at the foot always, and a line at the top while it is
// not as it should be; nothing about a hiccup that is over before anybody could have noticed.
// It must never be the only sign of anything: the badge is right again as soon as it can be.

import { text } from "./texts.js";

const HICCUP_MS = 1_500;

const SENTENCES = {
  reconnecting: text("Reconnecting…"),
  offline: text("You are offline. New messages will show when you are back."),
  polling: text("Live updates do not get through here: looking for news every few seconds."),
};
const WORDS = {
  connecting: text("Connecting…"),
  live: text("Live"),
  reconnecting: text("Reconnecting…"),
  offline: text("Offline"),
  polling: text("Every few seconds"),
};

export class ConnectionLine {
  #line;
  #word;
  #timer;

  constructor(line, word) {
    this.#line = line;
    this.#word = word;
  }

  show(state) {
    clearTimeout(this.#timer);
    const wait = state === "reconnecting" ? HICCUP_MS : 0;
    this.#timer = setTimeout(() => {
      this.#line.dataset.state = this.#word.dataset.state = state;
      this.#line.textContent = SENTENCES[state] ?? "";
      this.#word.textContent = WORDS[state] ?? "";
    }, wait);
  }
}
