// The card on a username: after half a second of hovering, on keyboard focus, or on a tap. One
// listener on the document serves every name, also those that are added later.
// It must never show what was asked for a name that one has already left.

import { text } from "./texts.js";

const HOVER_MS = 500;
// Long enough to move the pointer from the name into the card.
const LEAVE_MS = 250;
const HOOK = "[data-popover-url]";
const GAP_PX = 8;
const EDGE_PX = 12;

let anchor = null;
let card = null;
let asked = null;
let opening;
let closing;

export function watchPopovers() {
  document.addEventListener("pointerover", entered);
  document.addEventListener("pointerout", left);
  document.addEventListener("focusin", focused);
  document.addEventListener("focusout", blurred);
  document.addEventListener("click", tapped, true);
  document.addEventListener("keydown", (event) => event.key === "Escape" && escape());
  window.addEventListener("scroll", () => card && place(), { passive: true });
  window.addEventListener("resize", () => close());
  window.addEventListener("pagehide", () => close());
  // The pointer or the keyboard may have come to a name before this script came to the page.
  const under = document.querySelector(`:is(${HOOK}):hover`);
  if (under && matchMedia("(hover: hover)").matches) entered({ target: under, pointerType: "mouse" });
  if (document.activeElement) focused({ target: document.activeElement });
}

const hookOf = (target) => (target instanceof Element ? target.closest(HOOK) : null);
const isInside = (target) => Boolean(card && target instanceof Node && card.contains(target));

function entered(event) {
  if (event.pointerType === "touch") return;
  const hook = hookOf(event.target);
  if (isInside(event.target) || (hook && hook === anchor)) clearTimeout(closing);
  if (!hook || hook === anchor) return;
  clearTimeout(opening);
  opening = setTimeout(() => open(hook), HOVER_MS);
}

function left(event) {
  if (event.pointerType === "touch") return;
  const to = event.relatedTarget;
  if (hookOf(event.target) && hookOf(to) !== hookOf(event.target)) clearTimeout(opening);
  if (anchor && !isInside(to) && hookOf(to) !== anchor) closeSoon();
}

function focused(event) {
  const hook = hookOf(event.target);
  if (hook && hook !== anchor && hook.matches(":focus-visible")) open(hook);
  else if (isInside(event.target)) clearTimeout(closing);
}

function blurred(event) {
  const to = event.relatedTarget;
  if (anchor && to && !isInside(to) && hookOf(to) !== anchor) close();
}

// The first tap on a name opens its card instead of its profile; the card leads on to the profile.
function tapped(event) {
  const hook = hookOf(event.target);
  if (hook && event.pointerType === "touch" && hook !== anchor) {
    event.preventDefault();
    open(hook);
  } else if (anchor && !hook && !isInside(event.target)) {
    close();
  }
}

function escape() {
  const back = isInside(document.activeElement) ? anchor : null;
  close();
  back?.focus({ focusVisible: false });
  // The focus that went back must not open it again.
  if (back) close();
}

async function open(hook) {
  close();
  anchor = hook;
  const mine = new AbortController();
  asked = mine;
  let markup;
  try {
    const reply = await fetch(hook.dataset.popoverUrl, {
      headers: { Accept: "text/html" },
      signal: mine.signal,
    });
    if (!reply.ok) return close();
    markup = await reply.text();
  } catch {
    // Left before it came, or no network: then the name is simply a link.
    if (asked === mine) close();
    return;
  }
  if (asked === mine && hook.isConnected) show(markup);
}

function show(markup) {
  card = document.createElement("div");
  card.className = "popcard";
  card.id = "popcard";
  card.setAttribute("role", "group");
  card.setAttribute("aria-label", text("About {name}", { name: anchor.textContent.trim() }));
  const fragment = new DOMParser().parseFromString(markup, "text/html");
  card.append(...fragment.body.childNodes);
  // Beside its name in the document, so that Tab goes from the name into the card.
  anchor.after(card);
  anchor.setAttribute("aria-expanded", "true");
  card.dispatchEvent(new CustomEvent("notifier:added", { bubbles: true }));
  place();
}

function place() {
  const name = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = card;
  const { clientWidth, clientHeight } = document.documentElement;
  const below = name.bottom + GAP_PX;
  const fits = below + height + EDGE_PX <= clientHeight;
  const most = Math.max(EDGE_PX, clientWidth - width - EDGE_PX);
  card.style.left = `${Math.min(Math.max(EDGE_PX, name.left), most)}px`;
  card.style.top = `${fits ? below : Math.max(EDGE_PX, name.top - height - GAP_PX)}px`;
}

function closeSoon() {
  clearTimeout(closing);
  closing = setTimeout(close, LEAVE_MS);
}

function close() {
  clearTimeout(opening);
  clearTimeout(closing);
  asked?.abort();
  asked = null;
  anchor?.removeAttribute("aria-expanded");
  anchor = null;
  card?.remove();
  card = null;
}
