// Small cards for what arrives while one reads something else. They take no focus, do not pile up,
// never lie over what one types, and wait while one looks at them.
// It must never show text as anything but text.

import { counted, listed, text } from "./texts.js";

const SHOWN_MS = 8_000;
// From the third on, one card tells of all.
const MOST_CARDS = 2;
const MOST_NAMES = 3;
// Where all of them are listed.
const ALL_URL = "/notifications/all";
const WRITABLE = "textarea, input:not([type=checkbox], [type=radio]), [contenteditable]";

export class Toasts {
  #region;
  #gathered = [];

  constructor(region) {
    this.#region = region;
    document.addEventListener("focusin", () => this.#makeRoom());
    document.addEventListener("focusout", () => this.#makeRoom());
    document.addEventListener("input", () => this.#makeRoom());
    window.addEventListener("scroll", () => this.#makeRoom(), { passive: true });
  }

  // news: { name, title, text, link, from }; a message says who it is from.
  show(news) {
    // A tab that nobody looks at shows nothing: the badge and the title tell when it is looked at.
    if (document.hidden) return;
    this.#gathered.push(news);
    if (this.#gathered.length <= MOST_CARDS) {
      this.#add(card(news.title, news.text, news.link));
    } else {
      this.#region.replaceChildren();
      this.#add(cardOfAll(this.#gathered));
    }
  }

  clear() {
    this.#region.replaceChildren();
    this.#gathered = [];
  }

  #add(element) {
    const away = () => {
      element.remove();
      if (!this.#region.children.length) this.#gathered = [];
    };
    let timer = setTimeout(away, SHOWN_MS);
    const wait = () => clearTimeout(timer);
    const goOn = () => {
      clearTimeout(timer);
      timer = setTimeout(away, SHOWN_MS);
    };
    element.addEventListener("pointerenter", wait);
    element.addEventListener("focusin", wait);
    element.addEventListener("pointerleave", goOn);
    element.addEventListener("focusout", goOn);
    element.querySelector("button").addEventListener("click", () => {
      clearTimeout(timer);
      away();
    });
    this.#region.append(element);
    this.#makeRoom();
  }

  // At the bottom, unless that is where somebody writes: then below the bar.
  #makeRoom() {
    if (!this.#region.children.length) return;
    const field = document.activeElement?.closest(WRITABLE);
    this.#region.classList.remove("toasts-above");
    if (!field) return;
    const cards = this.#region.getBoundingClientRect();
    const place = field.getBoundingClientRect();
    const covers =
      cards.top < place.bottom && cards.bottom > place.top &&
      cards.left < place.right && cards.right > place.left;
    this.#region.classList.toggle("toasts-above", covers);
  }
}

function cardOfAll(gathered) {
  const senders = [...new Set(gathered.map((one) => one.from).filter(Boolean))];
  const onlyMessages = gathered.every((one) => one.from);
  const title = onlyMessages
    ? counted("{n} new message", "{n} new messages", gathered.length)
    : counted("{n} new notification", "{n} new notifications", gathered.length);
  const words = senders.length ? text("From {names}", { names: listed(firstOf(senders)) }) : "";
  return card(title, words, ALL_URL);
}

function firstOf(names) {
  if (names.length <= MOST_NAMES) return names;
  const left = names.length - MOST_NAMES;
  return [...names.slice(0, MOST_NAMES), counted("{n} more", "{n} more", left)];
}

function card(title, words, href) {
  const element = document.createElement("div");
  element.className = "toast-card";
  const link = document.createElement("a");
  link.href = href;
  const heading = document.createElement("bdi");
  heading.textContent = title;
  link.append(heading);
  const body = document.createElement("p");
  const isolated = document.createElement("bdi");
  isolated.textContent = words;
  body.append(isolated);
  const close = document.createElement("button");
  close.type = "button";
  close.className = "toast-close";
  close.setAttribute("aria-label", text("Dismiss"));
  close.textContent = "×";
  element.append(link, body, close);
  return element;
}
