// Everything live on a page, behind one call: `live.on(name, handler)`, then `live.start()`.
// It must never show anything itself; handlers do.

import { Alone } from "./alone.js";
import { Cursor } from "./cursor.js";
import { leaveOnce } from "./leaving.js";
import { Tabs, canShare } from "./tabs.js";

const NOTIFICATIONS_URL = "/notifications";
// What some pages listen to and others do not: whichever tab leads must hear it for all of them.
const NAMES = ["message_sent", "message_deleted", "conversation_read", "echo"];
// A page that reloads on `reset` and is told `reset` again must not reload for ever.
const RESET_KEY = "notifier-reset-at";
const RESET_AGAIN_MS = 60_000;
// A form that was sent a moment ago (signing out, leaving) brings its own next page, and that has
// something to say. As long as a request may take; after it the page goes by itself.
const FORM_ANSWER_MS = 10_000;

export class Live {
  #page;
  #cursor;
  #handlers = new Map();
  #showState;
  #way = null;
  #watchers = [];
  #state = "off";
  #since = null;
  #formSent = false;

  // page: the data attributes of <body>; showState(state) is told every change of state.
  constructor(page, showState) {
    this.#page = page;
    this.#showState = showState;
    this.#cursor = new Cursor(Number(page.cursor), (event) =>
      this.#tell(event),
    );
  }

  // Several may listen to one name; each is told, in the order in which they came.
  on(name, handler) {
    if (!this.#handlers.has(name)) this.#handlers.set(name, []);
    this.#handlers.get(name).push(handler);
  }

  // Every event, whatever its name: for who measures, not for who shows.
  watch(watcher) {
    this.#watchers.push(watcher);
  }

  // How this page is told: its state, since when, and who holds the stream.
  facts() {
    return { state: this.#state, since: this.#since, way: this.#way?.role ?? "alone" };
  }

  start() {
    // One that a script answers has been prevented by then.
    window.addEventListener("submit", (event) => (this.#formSent ||= !event.defaultPrevented));
    const options = {
      name: `notifier-stream-${this.#page.personId}`,
      streamUrl: this.#page.streamUrl,
      notificationsUrl: NOTIFICATIONS_URL,
      heartbeatMs: Number(this.#page.heartbeat) * 1000,
      names: [...new Set([...NAMES, ...this.#handlers.keys()])],
      cursor: () => this.#cursor.sequence,
      sequence: () => this.#cursor.sequence,
      fetchAfter: () => this.#cursor.hold(() => this.#fetchAfter()),
    };
    const hear = {
      // A signal has no sequence: it moves no cursor, and waits for nothing.
      event: (event) => ("sequence" in event ? this.#cursor.take(event) : this.#tell(event)),
      state: (state) => this.#changed(state),
      signedOut: () => this.#signedOut(),
      reset: () => this.#reset(),
    };
    this.#way = canShare() ? new Tabs(options, hear) : new Alone(options, hear);
    this.#way.join();
    // Never `beforeunload`: it keeps a page out of the back-forward cache and does not fire on phones.
    window.addEventListener("pagehide", () => this.#way.leave());
    window.addEventListener("pageshow", (event) => event.persisted && this.#way.join());
    window.addEventListener("online", () => this.#way.nudge());
    window.addEventListener("offline", () => this.#way.lostNetwork());
    document.addEventListener("visibilitychange", () => this.#way.nudge());
  }

  #changed(state) {
    // A leader says again and again how it is: only a change is news.
    if (state !== this.#state) this.#since = new Date();
    this.#state = state;
    this.#showState(state);
  }

  #tell(event) {
    for (const watcher of this.#watchers) watcher(event);
    for (const handler of this.#handlers.get(event.name) ?? []) handler(event);
  }

  async #fetchAfter() {
    try {
      const reply = await fetch(`${NOTIFICATIONS_URL}?after=${this.#cursor.sequence}`, {
        headers: { Accept: "application/json" },
        cache: "no-store",
      });
      return reply.ok ? await reply.json() : null;
    } catch {
      // No network now: whoever leads says again how far it is.
      return null;
    }
  }

  #signedOut() {
    this.#way.leave();
    leaveOnce(() => location.assign("/login"), this.#formSent ? FORM_ANSWER_MS : 0);
  }

  #reset() {
    const last = Number(sessionStorage.getItem(RESET_KEY) ?? 0);
    if (Date.now() - last < RESET_AGAIN_MS) return false;
    sessionStorage.setItem(RESET_KEY, String(Date.now()));
    this.#way.leave();
    leaveOnce(() => location.reload());
    return true;
  }
}
