// *Typing…*: says that one writes to the other of the open conversation, and shows that they do.
// It must never send what is being written.

import { text } from "./texts.js";

// The server takes one in three seconds.
const SAY_MS = 3_200;
// A signal may be late; with the next one under way the line does not flicker.
const SHOWN_MS = 5_000;

export function watchTyping(live) {
  const other = document.querySelector("[data-conversation]")?.dataset.conversation;
  const line = document.getElementById("typing");
  const field = document.querySelector("#reply textarea[name=message]");
  // Every tab listens, for the one that leads hears for all.
  const shown = new Shown(line, other);
  live.on("typing", ({ data }) => data.from === other && shown.show());
  live.on("message", ({ data }) => data.from === other && shown.hide());
  if (other && field) sayTyping(field, other);
}

class Shown {
  #line;
  #sentence;
  #timer;

  constructor(line, other) {
    this.#line = line;
    this.#sentence = text("{name} is typing…", { name: other });
  }

  show() {
    if (!this.#line) return;
    clearTimeout(this.#timer);
    if (this.#line.hidden) this.#line.textContent = this.#sentence;
    this.#line.hidden = false;
    this.#timer = setTimeout(() => this.hide(), SHOWN_MS);
  }

  hide() {
    if (!this.#line) return;
    clearTimeout(this.#timer);
    this.#line.hidden = true;
  }
}

function sayTyping(field, other) {
  let saidAt = -Infinity;
  field.addEventListener("input", () => {
    const now = performance.now();
    if (!field.value.trim() || now - saidAt < SAY_MS) return;
    saidAt = now;
    // Whether it arrives matters to nobody.
    fetch(`/typing/${encodeURIComponent(other)}`, { method: "POST" }).catch(() => {});
  });
}
