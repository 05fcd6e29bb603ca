// A page that cannot share (no Web Locks: plain http on a network, an old browser) has a stream of
// its own, and gives it back while nobody looks at it, so that six open pages do not block a seventh.
// It must never keep a hidden page's stream for long.

import { Connection } from "./connection.js";

const HIDDEN_MS = 15_000;

export class Alone {
  #connection;
  #resting;

  constructor(options, hear) {
    this.#connection = new Connection(options, { ...hear, beat() {} });
  }

  get role() {
    return "alone";
  }

  join() {
    this.#connection.start();
    this.nudge();
  }

  leave() {
    clearTimeout(this.#resting);
    this.#connection.stop();
  }

  nudge() {
    clearTimeout(this.#resting);
    if (document.hidden) {
      this.#resting = setTimeout(() => this.#connection.rest(), HIDDEN_MS);
    } else {
      this.#connection.wake();
      this.#connection.nudge();
    }
  }

  lostNetwork() {
    this.#connection.lostNetwork();
  }
}
