// What was written here and is not stored yet. It stays over a reload, goes out in order, and is
// tried again until the server has it or says no; its key makes sure that it is stored once.
// It must never show anything itself, nor forget a text that the server has not taken.

import { fullJitter } from "../live/backoff.js";
import { text } from "../texts.js";
import { PREFIX } from "./forgetting.js";

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const SEND_TIMEOUT_MS = 15_000;
// Signed out: the page goes to sign in, and the text waits here for whoever comes back.
const SIGNED_OUT = 401;
// What passes by itself; every other refusal is about the text or its recipient.
const PASSES = (status) => status === 408 || status === 429 || status >= 500;

export class Unsent {
  #url;
  #place;
  #hear;
  #sending = false;
  #failures = 0;
  #retry;

  // hear: { changed(item), stored(item, answer), gone(key) }
  constructor(personId, other, otherId, hear) {
    this.#url = `/send_message/${encodeURIComponent(other)}`;
    this.#place = `${PREFIX}${personId}-${otherId}`;
    this.#hear = hear;
    // Another tab of this conversation keeps the same list.
    window.addEventListener("storage", ({ key }) => key === this.#place && this.#showAll());
    window.addEventListener("online", () => this.flush());
    document.addEventListener("visibilitychange", () => document.hidden || this.flush());
  }

  start() {
    this.#showAll();
    this.flush();
  }

  add(body) {
    const item = { key: newKey(), body };
    this.#save([...this.items, item]);
    this.#hear.changed({ ...item, state: "sending" });
    this.flush();
  }

  // The text of an item that is given up.
  drop(key) {
    const item = this.items.find((one) => one.key === key);
    this.#save(this.items.filter((one) => one.key !== key));
    this.#hear.gone(key);
    return item?.body ?? "";
  }

  get items() {
    try {
      return JSON.parse(localStorage.getItem(this.#place)) ?? [];
    } catch {
      // Somebody else's words under our name: nothing that we could send.
      return [];
    }
  }

  async flush() {
    clearTimeout(this.#retry);
    if (this.#sending) return;
    this.#sending = true;
    try {
      let next;
      while ((next = this.items.find((one) => !one.why))) {
        if (!(await this.#send(next))) break;
      }
    } finally {
      this.#sending = false;
    }
  }

  async #send(item) {
    let reply, answer;
    try {
      reply = await fetch(this.#url, {
        method: "POST",
        headers: { Accept: "application/json", "Idempotency-Key": item.key },
        body: new URLSearchParams({ message: item.body }),
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      answer = await reply.json();
    } catch {
      // No network, no server, or something in between that answers no JSON.
      return this.#later(item, 0);
    }
    this.#failures = reply.ok ? 0 : this.#failures;
    if (reply.ok) {
      this.#save(this.items.filter((one) => one.key !== item.key));
      this.#hear.stored(item, answer);
      return true;
    }
    if (reply.status === SIGNED_OUT) return false;
    if (PASSES(reply.status)) return this.#later(item, Number(reply.headers.get("Retry-After")));
    const why = answer.error ?? text("The server refused it.");
    this.#save(this.items.map((one) => (one.key === item.key ? { ...one, why } : one)));
    this.#hear.changed({ ...item, state: "refused", why });
    return true;
  }

  #later(item, seconds) {
    this.#hear.changed({ ...item, state: "waiting" });
    const pause = fullJitter(this.#failures, FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.flush(), Math.max(pause, (seconds || 0) * 1000));
    return false;
  }

  #save(items) {
    if (items.length) localStorage.setItem(this.#place, JSON.stringify(items));
    else localStorage.removeItem(this.#place);
  }

  #showAll() {
    const items = this.items;
    for (const item of items) this.#hear.changed({ ...item, state: item.why ? "refused" : "waiting" });
    this.#hear.only(items.map((one) => one.key));
  }
}

// Also where the page came by plain http and the browser has no randomUUID.
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
