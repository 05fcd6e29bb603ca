// The messages of the open conversation, as elements: each once, in the order of their numbers, and
// after them what is not stored yet. It must never move what is read when something is added.

import { linked } from "../links.js";
import { text } from "../texts.js";

// Closer to the end than this, one follows what comes.
const NEAR_END_PX = 160;

export class Messages {
  #list;
  #empty;

  constructor(list, empty) {
    this.#list = list;
    this.#empty = empty;
  }

  get element() {
    return this.#list;
  }

  find(id) {
    return this.#list.querySelector(`[data-message="${id}"]`);
  }

  // Whether this page ends before the conversation does: then what comes is fetched on the way there.
  get lacksEnd() {
    return this.#list.querySelector("[data-newer]") !== null;
  }

  isNearEnd() {
    const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
    return scrollHeight - clientHeight - scrollTop < NEAR_END_PX;
  }

  toEnd() {
    // The pages scroll smoothly by themselves, and what comes next would stop that half-way.
    window.scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
  }

  // message: { id, body, sentAt }. Says whether it is new here.
  add(message, isMine) {
    if (this.find(message.id)) return null;
    const element = blank(isMine, message.body);
    element.id = `m${message.id}`;
    element.dataset.message = message.id;
    element.querySelector("time").dateTime = new Date(message.sentAt * 1000).toISOString();
    const field = element.querySelector("[name=id]");
    if (field) field.value = message.id;
    const later = [...this.#list.children].find(
      (one) => one.matches("[data-key]") || Number(one.dataset.message) > message.id,
    );
    this.#insert(element, later ?? null);
    return element;
  }

  // Older or newer messages, as the server made them, in the place of the link that asked for them.
  replaceMore(link, markup) {
    const place = link.closest("li");
    const other = link.matches("[data-older]") ? "[data-newer]" : "[data-older]";
    const parsed = new DOMParser().parseFromString(`<ol>${markup}</ol>`, "text/html");
    const fresh = [...parsed.querySelector("ol").children].filter(
      (one) => !one.querySelector(other) && !(one.id && document.getElementById(one.id)),
    );
    // What is read stays where it is, whatever the browser does about that by itself.
    const anchor = [...this.#list.children].find(
      (one) => one !== place && one.getBoundingClientRect().bottom > 0,
    );
    const before = anchor?.getBoundingClientRect().top;
    place.replaceWith(...fresh);
    if (anchor) window.scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
    for (const one of fresh) this.#tellAdded(one);
  }

  // unsent: { key, body, state, why }; state is "sending", "waiting" or "refused".
  showUnsent(unsent) {
    const found = this.#list.querySelector(`[data-key="${CSS.escape(unsent.key)}"]`);
    const element = found ?? blank(true, unsent.body);
    element.dataset.key = unsent.key;
    element.dataset.state = unsent.state;
    element.querySelector(".said-foot").replaceChildren(...stateOf(unsent));
    if (!found) this.#insert(element, null);
  }

  removeUnsent(key) {
    this.#list.querySelector(`[data-key="${CSS.escape(key)}"]`)?.remove();
    this.#showEmpty();
  }

  unsentKeys() {
    return [...this.#list.querySelectorAll("[data-key]")].map((one) => one.dataset.key);
  }

  // Both sides see it go; whoever stood on it stands on its neighbour.
  remove(id) {
    const element = this.find(id);
    if (!element) return;
    if (element.contains(document.activeElement)) document.getElementById("message").focus();
    element.remove();
    this.#showEmpty();
  }

  #insert(element, later) {
    this.#list.insertBefore(element, later);
    this.#showEmpty();
    this.#tellAdded(element);
  }

  #tellAdded(element) {
    element.dispatchEvent(new CustomEvent("notifier:added", { bubbles: true }));
  }

  #showEmpty() {
    this.#empty.hidden = this.#list.querySelector(".said") !== null;
  }
}

function blank(isMine, body) {
  const template = document.getElementById(isMine ? "said-by-me" : "said-by-other");
  const element = template.content.firstElementChild.cloneNode(true);
  element.querySelector(".words bdi").append(...linked(body));
  return element;
}

function stateOf({ state, why }) {
  const said = document.createElement("span");
  said.className = "unsent-state";
  if (state !== "refused") {
    said.textContent = state === "sending" ? text("Sending…") : text("Not sent yet: it goes as soon as it can.");
    return [said];
  }
  said.textContent = text("Not sent: {why}", { why });
  return [said, button("edit", text("Edit")), button("discard", text("Discard"))];
}

function button(does, words) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "unsent-do";
  made.dataset.unsent = does;
  made.textContent = words;
  return made;
}
