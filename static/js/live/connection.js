// One page's way to be told: a stream while there can be one, polling while there cannot, and
// always from the cursor on. It must never show anything, nor know of other tabs.
//
// States: off, connecting, live, reconnecting, polling, offline.

import { about, fullJitter } from "./backoff.js";
import { Stream } from "./stream.js";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 20_000;
// Where a stream cannot be had it is worth another look now and then: the network may have changed.
const FIRST_STREAM_RETRY_MS = 30_000;
const LONGEST_STREAM_RETRY_MS = 300_000;
const POLL_MS = 10_000;
const POLL_HIDDEN_MS = 60_000;
const ASK_TIMEOUT_MS = 10_000;

export class Connection {
  #options;
  #hear;
  #stream = null;
  #running = false;
  #polling = false;
  #resting = false;
  // The last stream opened and then fell silent; twice in a row means that nothing gets through.
  #doubted = false;
  #failures = 0;
  #reopening;
  #nextPoll;
  #state = "off";

  // options: { streamUrl, notificationsUrl, names, heartbeatMs, cursor() }
  // hear: { event(event), state(state), reset(), signedOut(), beat() };
  // reset() says whether the page is being left.
  constructor(options, hear) {
    this.#options = options;
    this.#hear = hear;
  }

  get state() {
    return this.#state;
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#openStream();
  }

  stop() {
    this.#running = this.#polling = this.#resting = false;
    this.#closeStream();
    clearTimeout(this.#nextPoll);
    this.#tell("off");
  }

  // Something changed (network, visibility): do not wait for the next timer.
  nudge() {
    if (!this.#running || this.#resting) return;
    if (!this.#stream || this.#stream.isSilent()) this.#openStream();
    if (this.#polling) this.#poll();
  }

  // A page that nobody looks at and that cannot share a stream gives its own back.
  rest() {
    if (!this.#running || this.#resting) return;
    this.#resting = true;
    this.#closeStream();
    this.#startPolling();
  }

  wake() {
    if (!this.#resting) return;
    this.#resting = false;
    this.#openStream();
  }

  lostNetwork() {
    if (!this.#running) return;
    this.#closeStream();
    this.#tell("offline");
    // Browsers err about being offline: look again even if no `online` ever comes.
    this.#reopenAfter(about(LONGEST_PAUSE_MS));
  }

  #openStream() {
    this.#closeStream();
    if (!("EventSource" in window)) {
      this.#startPolling();
      return;
    }
    const { streamUrl, names, heartbeatMs, cursor } = this.#options;
    const url = new URL(streamUrl, location.href);
    url.searchParams.set("last_event_id", cursor());
    if (this.#state === "off") this.#tell("connecting");
    this.#stream = new Stream(url.href, names, heartbeatMs, {
      open: () => this.#opened(),
      alive: () => this.#alive(),
      event: (event) => this.#hear.event(event),
      said: (name) => this.#said(name),
      interrupted: () => this.#tell(this.#lostState()),
      failed: (why) => this.#failed(why),
    });
  }

  #closeStream() {
    clearTimeout(this.#reopening);
    this.#stream?.close();
    this.#stream = null;
  }

  // Where streams open and then stay silent (a proxy that buffers), opening proves nothing.
  #opened() {
    if (!(this.#doubted && this.#polling)) this.#isLive();
  }

  #isLive() {
    this.#polling = false;
    clearTimeout(this.#nextPoll);
    this.#tell("live");
  }

  #alive() {
    this.#failures = 0;
    this.#doubted = false;
    this.#isLive();
    this.#hear.beat();
  }

  #said(name) {
    this.#closeStream();
    if (name === "signed_out") this.#hear.signedOut();
    else if (name === "too_many" || !this.#hear.reset()) this.#pollFor(FIRST_STREAM_RETRY_MS);
  }

  async #failed(why) {
    this.#stream = null;
    if (why === "mute" || (why === "silent" && this.#doubted)) {
      this.#pollFor(fullJitter(this.#failures, FIRST_STREAM_RETRY_MS, LONGEST_STREAM_RETRY_MS));
      return;
    }
    this.#doubted = why === "silent";
    if (!this.#polling) this.#tell(this.#lostState());
    this.#reopenAfter(fullJitter(this.#failures, FIRST_PAUSE_MS, LONGEST_PAUSE_MS));
    // EventSource does not tell why it ended: a plain question does, 401 when the sign-in is over.
    await this.#ask();
  }

  #pollFor(ms) {
    this.#startPolling();
    this.#reopenAfter(Math.max(ms, POLL_MS));
  }

  #reopenAfter(ms) {
    this.#failures += 1;
    clearTimeout(this.#reopening);
    this.#reopening = setTimeout(() => this.#running && this.#openStream(), ms);
  }

  #startPolling() {
    if (this.#polling) return;
    this.#polling = true;
    this.#poll();
  }

  async #poll() {
    clearTimeout(this.#nextPoll);
    const answered = await this.#ask();
    if (!this.#running || !this.#polling) return;
    this.#tell(answered ? "polling" : this.#lostState());
    clearTimeout(this.#nextPoll);
    const pause = document.hidden ? POLL_HIDDEN_MS : POLL_MS;
    this.#nextPoll = setTimeout(() => this.#poll(), about(pause));
  }

  // What came after the cursor, by a plain question. Says whether it was answered.
  async #ask() {
    const url = new URL(this.#options.notificationsUrl, location.href);
    url.searchParams.set("after", this.#options.cursor());
    let events;
    try {
      const reply = await fetch(url, {
        headers: { Accept: "application/json" },
        cache: "no-store",
        signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
      });
      if (reply.status === 401 && this.#running) this.#hear.signedOut();
      if (!reply.ok) return false;
      events = await reply.json();
    } catch {
      // No network, no server, or something in between that answers no JSON: all mean "not now".
      return false;
    }
    if (this.#running) for (const event of events) this.#hear.event(event);
    return true;
  }

  #lostState() {
    return navigator.onLine ? "reconnecting" : "offline";
  }

  #tell(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#hear.state(state);
  }
}
