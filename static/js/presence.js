// Shows how near people are, wherever a page has their `data-presence`.
// It must never ask while nobody looks, nor show what it was not told.

import { about } from "./live/backoff.js";
import { text } from "./texts.js";
import { refreshTimes } from "./times.js";

// Changes come by signals; this finds what ends by itself and what a signal has missed.
const ASK_MS = 60_000;
// Names that come together are asked for together.
const GATHER_MS = 200;
const PEOPLE_MOST = 50;
const HOLE = "\u0000";

export class Presence {
  #soon;
  #asking = null;
  // What was told last, for places that come later.
  #told = new Map();

  start(live) {
    live.on("presence", ({ data }) => this.#show(data.person, data));
    document.addEventListener("visibilitychange", () => this.#askSoon());
    document.addEventListener("notifier:added", () => this.#added());
    window.addEventListener("pageshow", (event) => event.persisted && this.#askSoon());
    this.#askSoon();
  }

  #added() {
    const places = [...document.querySelectorAll("[data-presence]")];
    for (const person of new Set(places.map((place) => place.dataset.presence))) {
      if (this.#told.has(person)) this.#show(person, this.#told.get(person));
      else this.#askSoon();
    }
  }

  #askSoon(ms = GATHER_MS) {
    clearTimeout(this.#soon);
    if (document.hidden) return;
    this.#soon = setTimeout(() => this.#ask(), ms);
  }

  async #ask() {
    const places = [...document.querySelectorAll("[data-presence]")];
    const people = [...new Set(places.map((place) => place.dataset.presence))];
    this.#askSoon(about(ASK_MS));
    for (let start = 0; start < people.length; start += PEOPLE_MOST) {
      await this.#askFor(people.slice(start, start + PEOPLE_MOST));
    }
  }

  async #askFor(people) {
    this.#asking?.abort();
    this.#asking = new AbortController();
    let found;
    try {
      const reply = await fetch(`/presence?people=${people.map(encodeURIComponent).join(",")}`, {
        headers: { Accept: "application/json" },
        cache: "no-store",
        signal: this.#asking.signal,
      });
      if (!reply.ok) return;
      found = await reply.json();
    } catch {
      // Not now: what is shown stays until somebody answers.
      return;
    }
    const told = new Map(found.map((one) => [one.person, one]));
    for (const person of people) this.#show(person, told.get(person) ?? { state: "hidden" });
  }

  #show(person, told) {
    const { state, last_seen_at: lastSeenAt } = told;
    this.#told.set(person, told);
    for (const place of document.querySelectorAll("[data-presence]")) {
      if (place.dataset.presence !== person) continue;
      place.dataset.state = state;
      place.replaceChildren(...words(state, lastSeenAt));
      refreshTimes(place);
    }
  }
}

function words(state, lastSeenAt) {
  if (state === "here") return [text("Here now")];
  if (state === "away") return [text("Away")];
  if (state !== "gone") return [];
  const time = document.createElement("time");
  time.dateTime = new Date(lastSeenAt * 1000).toISOString();
  time.dataset.ago = "";
  // The time stands where the language wants it.
  const [before, after] = text("Last seen {when}", { when: HOLE }).split(HOLE);
  return [before, time, after];
}
