// Small cards for messages that arrive while one reads something else. They take no focus, do not
// pile up, and wait while one looks at them. It must never show text as anything but text.

import { counted, listed, text } from "./texts.js";

const SHOWN_MS = 8_000;
// From the third on, one card tells of all.
const MOST_CARDS = 2;

export class Toasts {
  #region;
  #gathered = [];

  constructor(region) {
    this.#region = region;
  }

  // message: the payload of a `message` event.
  show(message) {
    // A tab that nobody looks at shows nothing: the badge and the title tell when it is looked at.
    if (document.hidden) return;
    this.#gathered.push(message.from);
    const cards = this.#region.children;
    if (this.#gathered.length <= MOST_CARDS) {
      this.#add(card(text("Message from {name}", { name: message.from }), message.body));
      return;
    }
    while (cards.length) cards[0].remove();
    const names = listed(firstNames(new Set(this.#gathered)));
    const title = counted("{n} new message", "{n} new messages", this.#gathered.length);
    this.#add(card(title, text("From {names}", { names })));
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
  }
}

function firstNames(names) {
  const most = 3;
  const all = [...names];
  return all.length <= most ? all : [...all.slice(0, most), counted("{n} more", "{n} more", all.length - most)];
}

function card(title, text) {
  const element = document.createElement("div");
  element.className = "toast-card";
  const link = document.createElement("a");
  link.href = "/messages";
  const heading = document.createElement("bdi");
  heading.textContent = title;
  link.append(heading);
  const body = document.createElement("p");
  const isolated = document.createElement("bdi");
  isolated.textContent = text;
  body.append(isolated);
  const close = document.createElement("button");
  close.type = "button";
  close.className = "toast-close";
  close.setAttribute("aria-label", text("Dismiss"));
  close.textContent = "×";
  element.append(link, body, close);
  return element;
}
