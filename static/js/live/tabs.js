// One stream per browser: the tab that holds the lock leads and tells the others over a channel.
// HTTP/1.1 allows six connections to a host, so with a stream for each tab the seventh tab hangs.
// It must never be needed for correctness: a tab that leads starts from its own cursor.
//
// On the channel: hello (anybody leading?), here (I lead, this far), event (with how far the leader
// had been told before it, so that a tab that slept through some fetches those first), state, signedOut.

import { Connection } from "./connection.js";

// A leader that lives answers a hello within a moment; one that is frozen never does.
const ANSWER_MS = 2_000;
// Not everybody at once: whoever waits longest hears that another has taken over.
const ANSWER_SPREAD_MS = 2_000;
const SILENT_HEARTBEATS = 2.5;
// A tab that somebody looks at asks this often: a leader that froze or hangs is replaced within
// seconds. Hidden tabs do not ask, their timers sleep; they notice that the heartbeat stays away.
const ASK_MS = 5_000;

export const canShare = () => "locks" in navigator && "BroadcastChannel" in window;

export class Tabs {
  #options;
  #hear;
  #connection;
  #channel = null;
  #release = null;
  #leaving = null;
  #watch;
  #rescue;
  #asking;

  // options: those of a Connection, and { name, fetchAfter(), sequence() }
  constructor(options, hear) {
    this.#options = options;
    this.#hear = hear;
    this.#connection = new Connection(options, {
      event: (event) => this.#tellAll("event", event, options.sequence()),
      state: (state) => state !== "off" && this.#tellAll("state", state),
      signedOut: () => this.#tellAll("signedOut"),
      reset: () => hear.reset(),
      beat: () => this.#here(),
    });
  }

  get leads() {
    return this.#release !== null;
  }

  get role() {
    return this.leads ? "leads" : "follows";
  }

  join() {
    if (this.#channel) return;
    this.#channel = new BroadcastChannel(this.#options.name);
    this.#channel.onmessage = ({ data }) => this.#received(data);
    this.#leaving = new AbortController();
    this.#queue({ signal: this.#leaving.signal });
    this.#asking = setInterval(() => document.hidden || this.#sayHello(), ASK_MS);
    this.#sayHello();
  }

  leave() {
    if (!this.#channel) return;
    this.#leaving.abort();
    this.#stopLeading();
    clearTimeout(this.#watch);
    clearTimeout(this.#rescue);
    clearInterval(this.#asking);
    this.#channel.close();
    this.#channel = null;
  }

  nudge() {
    if (this.leads) this.#connection.nudge();
    else this.#sayHello();
  }

  lostNetwork() {
    if (this.leads) this.#connection.lostNetwork();
  }

  // Waits in the lock's queue; the browser hands the lock on when a leader closes or crashes.
  async #queue(how) {
    try {
      await navigator.locks.request(this.#options.name, how, () => this.#lead());
    } catch (error) {
      // Either this tab leaves, or another tab took the lock because this one did not answer.
      if (error.name !== "AbortError") throw error;
      this.#stopLeading();
      if (!this.#channel) return;
      // A tab that had taken the lock by force still stands in the queue from before.
      if (how.signal && !how.signal.aborted) this.#queue(how);
      this.#sayHello();
    }
  }

  #lead() {
    if (!this.#channel) return undefined;
    clearTimeout(this.#watch);
    clearTimeout(this.#rescue);
    return new Promise((release) => {
      this.#release = release;
      this.#here();
      this.#connection.start();
    });
  }

  #stopLeading() {
    this.#release?.();
    this.#release = null;
    this.#connection.stop();
  }

  #tellAll(kind, value, before) {
    this.#channel?.postMessage({ kind, value, before });
    this.#hear[kind](value);
  }

  #here() {
    const value = { sequence: this.#options.sequence(), state: this.#connection.state };
    this.#channel?.postMessage({ kind: "here", value });
  }

  #sayHello() {
    if (this.leads || !this.#channel) return;
    this.#channel.postMessage({ kind: "hello" });
    clearTimeout(this.#rescue);
    const patience = ANSWER_MS + Math.random() * ANSWER_SPREAD_MS;
    this.#rescue = setTimeout(() => this.leads || this.#queue({ steal: true }), patience);
  }

  #received({ kind, value, before }) {
    if (kind === "hello") {
      if (this.leads) this.#here();
      return;
    }
    if (this.leads) return;
    clearTimeout(this.#rescue);
    this.#watchLeader();
    if (kind === "here") {
      if (value.state !== "off") this.#hear.state(value.state);
      if (value.sequence > this.#options.sequence()) this.#options.fetchAfter();
    } else {
      if (before > this.#options.sequence()) this.#options.fetchAfter();
      this.#hear[kind](value);
    }
  }

  #watchLeader() {
    clearTimeout(this.#watch);
    const silence = this.#options.heartbeatMs * SILENT_HEARTBEATS;
    this.#watch = setTimeout(() => this.#sayHello(), silence);
  }
}
