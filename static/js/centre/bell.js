// The bell: its count, and the panel behind it. What the panel shows while somebody looks is seen.
// It must never show an older count than it did before, nor load anything nobody asked for.

import { refreshTimes } from "../times.js";
import { shown } from "./attention.js";

const PANEL_URL = "/notifications/panel";
const UNSEEN_URL = "/notifications/unseen";
const SEEN_URL = "/notifications/seen";
// Several events of one moment load the open panel once.
const RELOAD_MS = 250;

export class Bell {
  #link;
  #panel;
  #attention;
  #opened;
  #counts;
  #sequence;
  #stale = false;
  #reloading = null;

  // opened() is told when the panel opens.
  constructor(link, panel, attention, opened) {
    this.#link = link;
    this.#panel = panel;
    this.#attention = attention;
    this.#opened = opened;
    this.#sequence = Number(link.dataset.sequence);
    this.#counts = { messages: Number(link.dataset.messages), others: Number(link.dataset.others) };
    link.setAttribute("aria-expanded", "false");
    link.setAttribute("aria-controls", panel.id);
    link.addEventListener("click", (event) => this.#clicked(event));
    panel.addEventListener("submit", (event) => this.#submitted(event));
    document.addEventListener("click", (event) => this.#elsewhere(event.target));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#escaped());
    panel.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget) this.#elsewhere(relatedTarget);
    });
    document.addEventListener("visibilitychange", () => this.#lookedAt());
    attention.show("others", this.#counts.others);
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  // The state at a sequence; says whether there is more than before.
  show(counts, sequence) {
    if (sequence < this.#sequence) return false;
    const grew = counts.others > this.#counts.others;
    this.#sequence = sequence;
    this.#counts = counts;
    this.#draw();
    this.#news();
    return grew;
  }

  // A message is counted here: it comes once and in order, and its sender pays for no second event.
  addMessage(sequence) {
    if (sequence <= this.#sequence) return;
    this.show({ ...this.#counts, messages: this.#counts.messages + 1 }, sequence);
  }

  // Messages were read or deleted: which of them the bell had counted only the server knows.
  messagesWent() {
    if (!this.#counts.messages) return;
    this.#stale = true;
    this.#lookedAt();
  }

  async #lookedAt() {
    if (document.hidden) return;
    if (this.isOpen) this.#news();
    if (!this.#stale) return;
    this.#stale = false;
    const reply = await fetch(UNSEEN_URL, {
      headers: { Accept: "application/json" },
      cache: "no-store",
    }).catch(() => null);
    if (!reply?.ok) {
      this.#stale = true;
      return;
    }
    const { data, sequence } = await reply.json();
    if (sequence >= this.#sequence) this.show(data, sequence);
  }

  #draw() {
    const count = this.#counts.messages + this.#counts.others;
    const place = this.#link.querySelector("[data-count]");
    place.hidden = count === 0;
    place.querySelector("[data-figure]").textContent = shown(count);
    this.#attention.show("others", this.#counts.others);
  }

  #clicked(event) {
    // With a modifier it is a link like any other.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    if (this.isOpen) this.#close();
    else this.#open();
  }

  async #open() {
    if (!(await this.#load())) {
      location.assign(this.#link.href);
      return;
    }
    this.#panel.hidden = false;
    this.#link.setAttribute("aria-expanded", "true");
    this.#opened();
    this.#panel.focus({ preventScroll: true });
  }

  #close() {
    this.#panel.hidden = true;
    this.#panel.replaceChildren();
    this.#link.setAttribute("aria-expanded", "false");
  }

  #news() {
    if (!this.isOpen || document.hidden) return;
    this.#reloading ??= setTimeout(() => {
      this.#reloading = null;
      if (this.isOpen) this.#load();
    }, RELOAD_MS);
  }

  // Says whether the panel has its lines. They stay where they are while newer ones are fetched.
  async #load() {
    const reply = await fetch(PANEL_URL, {
      headers: { Accept: "text/html" },
      cache: "no-store",
    }).catch(() => null);
    if (!reply?.ok) return false;
    const markup = new DOMParser().parseFromString(await reply.text(), "text/html");
    const focused = this.#panel.contains(document.activeElement);
    const kept = focused && document.activeElement.closest("[data-notification]");
    const top = this.#panel.querySelector(".notes")?.scrollTop ?? 0;
    this.#panel.replaceChildren(...markup.body.childNodes);
    const notes = this.#panel.querySelector(".notes");
    if (notes) notes.scrollTop = top;
    refreshTimes(this.#panel);
    if (focused && !this.#panel.contains(document.activeElement)) this.#focusAgain(kept);
    if (!document.hidden) this.#seen(this.#panel.querySelector("[data-sequence]").dataset.sequence);
    return true;
  }

  // Where the reader was, or the panel itself when that line has gone.
  #focusAgain(line) {
    const same = line && this.#panel.querySelector(`[data-notification="${line.dataset.notification}"] a`);
    (same ?? this.#panel).focus({ preventScroll: true });
  }

  #seen(upTo) {
    if (this.#counts.messages + this.#counts.others === 0) return;
    fetch(SEEN_URL, { method: "POST", body: new URLSearchParams({ up_to: upTo }) }).catch(() => {});
  }

  async #submitted(event) {
    event.preventDefault();
    await fetch(event.target.action, { method: "POST" }).catch(() => null);
    await this.#load();
  }

  #elsewhere(target) {
    // What was clicked may have been replaced meanwhile; then it was inside.
    if (!this.isOpen || !target.isConnected) return;
    if (!this.#panel.contains(target) && !this.#link.contains(target)) this.#close();
  }

  #escaped() {
    if (!this.isOpen) return;
    this.#close();
    this.#link.focus();
  }
}
