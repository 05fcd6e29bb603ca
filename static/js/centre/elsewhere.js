// Tells somebody who looks elsewhere: on the desktop and by a sound, when no tab of this person in
// this browser is in view, and once an event however many tabs and windows there are.
//
// A tab in view holds a shared lock as long as it is; whoever tells claims it first (told.js). What
// other browsers do cannot be known here: each of them tells once.
// It must never ask for permission; the settings do, by a click.

import { counted } from "../texts.js";
import { Told } from "./told.js";

// Events that come together, after a sleep say, are told together.
const GATHER_MS = 400;

export class Elsewhere {
  #choices;
  #inView;
  #told;
  #leaveView = null;
  #gathered = [];
  #timer = null;

  constructor(personId, choices) {
    this.#choices = choices;
    this.#inView = `notifier-in-view-${personId}`;
    this.#told = new Told(personId);
    this.#look();
    document.addEventListener("visibilitychange", () => this.#look());
    // A page that holds a lock is kept out of the back-forward cache.
    window.addEventListener("pagehide", () => this.#away());
    window.addEventListener("pageshow", (event) => event.persisted && this.#look());
  }

  // news: { name, sequence, timestamp, title, text, link }
  tell(news) {
    // Now, not when it is told: whoever looks away in between has seen it.
    this.#gathered.push({ ...news, looked: this.#somebodyLooks() });
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#tellAll(this.#gathered.splice(0));
    }, GATHER_MS);
  }

  async #tellAll(all) {
    // Without locks (plain http on a network) browsers show nothing on the desktop anyway.
    if (!("locks" in navigator)) return;
    const looked = await Promise.all(all.map((one) => one.looked));
    // A browser that stores nothing tells in every tab, rather than in none.
    const claimed = await this.#told.claim(all).catch(() => all);
    const news = claimed.filter((one) => !looked[all.indexOf(one)]);
    const sounding = news.some((one) => this.#choices.allows("sound", one.name));
    const visible = news.filter((one) => this.#choices.allows("desktop", one.name));
    if (visible.length) await showOnDesktop(visible);
    if (sounding) await (await import("./tone.js")).playTone();
  }

  async #somebodyLooks() {
    if (!document.hidden) return true;
    if (!("locks" in navigator)) return false;
    const { held } = await navigator.locks.query();
    return held.some((lock) => lock.name === this.#inView);
  }

  #look() {
    if (document.hidden) this.#away();
    else if (!this.#leaveView && "locks" in navigator) {
      const looking = new Promise((resolve) => (this.#leaveView = resolve));
      navigator.locks.request(this.#inView, { mode: "shared" }, () => looking);
    }
  }

  #away() {
    this.#leaveView?.();
    this.#leaveView = null;
  }
}

async function showOnDesktop(news) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const last = news.at(-1);
  const title =
    news.length === 1
      ? last.title
      : counted("{n} new notification", "{n} new notifications", news.length);
  const options = {
    body: news.length === 1 ? last.text : last.title,
    // The same that a push has: were both to come, they would be one.
    tag: `notifier-${last.sequence}`,
    data: { link: last.link },
    icon: "/static/img/icon-192.png",
  };
  const worker = await navigator.serviceWorker?.getRegistration("/");
  // Phones show notifications only by way of the worker.
  if (worker?.active) {
    await worker.showNotification(title, options);
    return;
  }
  const notification = new Notification(title, options);
  notification.addEventListener("click", () => {
    window.focus();
    notification.close();
    location.assign(last.link);
  });
}
