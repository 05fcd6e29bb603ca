// The page that tells how this browser is being told: the way, since when, how late, and whether
// something on the way gathers what should flow. It must never change how the page is told.

import { language, text } from "./texts.js";

const CLOCK_ASKED = 5;
// Drips are 300 ms apart: what arrives within this of the one before came with it.
const TOGETHER_MS = 60;
const ECHO_MS = 10_000;
const REFRESH_MS = 1_000;

const when = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
const milliseconds = new Intl.NumberFormat(language, {
  style: "unit",
  unit: "millisecond",
  maximumFractionDigits: 0,
});

const STATES = {
  off: text("Not started"),
  connecting: text("Connecting…"),
  live: text("Live"),
  reconnecting: text("Reconnecting…"),
  offline: text("Offline"),
  polling: text("Asking every few seconds, because live updates do not get through"),
};
const WAYS = {
  leads: text("holds the stream for all tabs of this browser"),
  follows: text("is told by another tab, which holds the stream"),
  alone: text("has a stream of its own: this browser cannot share one"),
};

export class Diagnostics {
  #place;
  #page;
  #live;
  #offsetMs = null;
  #echo = null;

  constructor(place, page, live) {
    this.#place = place;
    this.#page = page;
    this.#live = live;
    live.watch((event) => this.#arrived(event));
  }

  start() {
    document.getElementById("measure").addEventListener("click", () => this.#measure());
    setInterval(() => this.#refresh(), REFRESH_MS);
    this.#refresh();
    this.#measure();
  }

  #say(fact, words) {
    const place = this.#place.querySelector(`[data-fact="${fact}"]`);
    if (place.textContent !== words) place.textContent = words;
  }

  #refresh() {
    const { state, since, way } = this.#live.facts();
    this.#place.dataset.state = state;
    this.#say("state", STATES[state]);
    this.#say("since", since ? when.format(since) : "…");
    this.#say("way", state === "off" ? "…" : WAYS[way]);
    const { origin } = new URL(this.#page.streamUrl, location.href);
    this.#say(
      "door",
      this.#place.dataset.elsewhere
        ? text("a gateway at {origin}", { origin })
        : text("this site, {origin}", { origin }),
    );
  }

  #arrived(event) {
    const late = this.#late(event.timestamp);
    if (event.name === "echo") {
      this.#echo?.(late);
      return;
    }
    this.#say("last", text("{name}, {late} after it happened", { name: event.name, late }));
  }

  // A clock that is a little off must not make an event arrive before it happened.
  #late(timestamp) {
    const passed = Date.now() + (this.#offsetMs ?? 0) - timestamp * 1000;
    return milliseconds.format(Math.max(0, passed));
  }

  async #measure() {
    try {
      await this.#askClock();
      await Promise.all([this.#askEcho(), this.#askProxy()]);
    } catch {
      for (const fact of ["clock", "echo", "proxy"]) this.#say(fact, text("could not be measured"));
    }
  }

  // Of several answers the quickest tells best how far the clocks are apart.
  async #askClock() {
    let best = Infinity;
    for (let asked = 0; asked < CLOCK_ASKED; asked += 1) {
      const sent = Date.now();
      const { now } = await (await fetch("/diagnostics/clock", { cache: "no-store" })).json();
      const took = Date.now() - sent;
      if (took >= best) continue;
      best = took;
      this.#offsetMs = now * 1000 - (sent + took / 2);
    }
    const off = milliseconds.format(Math.abs(this.#offsetMs));
    this.#say(
      "clock",
      this.#offsetMs < 0
        ? text("{off} ahead of the site's", { off })
        : text("{off} behind the site's", { off }),
    );
  }

  async #askEcho() {
    const heard = new Promise((resolve) => {
      this.#echo = resolve;
      setTimeout(() => resolve(null), ECHO_MS);
    });
    await fetch("/diagnostics/echo", { method: "POST" });
    const late = await heard;
    this.#say(
      "echo",
      late === null
        ? text("did not arrive: what is new shows when the page asks for it")
        : text("arrived by itself after {late}", { late }),
    );
  }

  async #askProxy() {
    const reply = await fetch("/diagnostics/drip", { cache: "no-store" });
    const reader = reply.body.getReader();
    let pieces = 0;
    let last = -Infinity;
    for (;;) {
      const { done } = await reader.read();
      if (done) break;
      const now = performance.now();
      if (now - last > TOGETHER_MS) pieces += 1;
      last = now;
    }
    this.#place.dataset.buffered = pieces > 1 ? "no" : "yes";
    this.#say(
      "proxy",
      pieces > 1
        ? text("nothing gathers what is sent: it flows")
        : text("something (a proxy, a scanner) gathers what is sent and passes it on late"),
    );
  }
}
