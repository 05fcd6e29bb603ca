// People and messages are found while one types. It must never show what was asked for words that
// have been changed since.

import { refreshTimes } from "../times.js";

const GATHER_MS = 200;

export function watchFind() {
  const form = document.getElementById("find");
  if (!form) return;
  const field = form.elements.q;
  const found = document.getElementById("found");
  const all = document.getElementById("all-conversations");
  let timer = null;
  let asked = null;

  async function find() {
    asked?.abort();
    const words = field.value.trim();
    if (all) all.hidden = words !== "";
    found.hidden = words === "";
    if (!words) return found.replaceChildren();
    asked = new AbortController();
    const mine = asked;
    try {
      const query = new URLSearchParams({ q: words, part: "found" });
      const reply = await fetch(`/search?${query}`, { headers: { Accept: "text/html" }, signal: mine.signal });
      if (!reply.ok) return;
      const parsed = new DOMParser().parseFromString(await reply.text(), "text/html");
      if (mine.signal.aborted) return;
      found.replaceChildren(...parsed.body.childNodes);
      refreshTimes(found);
    } catch {
      // Typed on, or no network: Enter still asks for the page.
    }
  }

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, GATHER_MS);
  });
  // A page that comes back has the words in its field, but not what was found for them.
  window.addEventListener("pageshow", ({ persisted }) => persisted && field.value && find());
  // Somebody may have typed before this script was there.
  if (field.value !== field.defaultValue) find();
}
