// Marks one's own messages in the open conversation as seen, the moment the other has read them.
// It must never take a mark away: what was seen was seen.

import { text } from "./texts.js";

export function watchSeen(live) {
  const other = document.querySelector("[data-conversation]")?.dataset.conversation;
  const seen = new Set();
  live.on("seen", ({ data }) => {
    if (data.by !== other) return;
    for (const id of data.ids) {
      seen.add(String(id));
      mark(document.querySelector(`[data-message="${id}"]`));
    }
  });
  // A message that the other reads before this page has its number is marked once it has.
  document.addEventListener("notifier:added", ({ target }) => {
    for (const message of [target, ...target.querySelectorAll("[data-message]")]) {
      if (seen.has(message.dataset?.message)) mark(message);
    }
  });
}

function mark(message) {
  const place = message?.querySelector("[data-mark]");
  if (!place) return;
  place.dataset.mark = "seen";
  place.textContent = text("Seen");
}
