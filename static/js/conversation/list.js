// The list of conversations moves by itself: whatever happens to a message, the list is asked for
// again, a moment later and once for all that came. It must never take the focus from anybody.


const GATHER_MS = 150;
const AGAIN_MS = 5_000;
const URL = "/conversations?part=lines";
const NAMES = [
  "message",
  "quiet_message",
  "message_sent",
  "message_deleted",
  "conversation_read",
  "unread_message_count",
];

export function followList(live) {
  const list = document.querySelector("#lines[data-live]");
  if (!list) return;
  const empty = document.getElementById("no-lines");
  let waiting = null;
  let stale = false;

  const soon = (ms = GATHER_MS) => {
    stale = true;
    if (!document.hidden) waiting ??= setTimeout(refresh, ms);
  };

  async function refresh() {
    stale = false;
    let markup = null;
    try {
      const reply = await fetch(URL, { headers: { Accept: "text/html" } });
      if (reply.ok) markup = await reply.text();
    } catch {
      // No network: asked again below.
    }
    waiting = null;
    if (markup === null) return soon(AGAIN_MS);
    show(list, markup);
    empty.hidden = list.childElementCount > 0;
    if (stale) soon();
  }

  for (const name of NAMES) live.on(name, () => soon());
  document.addEventListener("visibilitychange", () => stale && soon());
}

function show(list, markup) {
  const focused = list.contains(document.activeElement)
    ? document.activeElement.closest("[data-with]")?.dataset.with
    : null;
  const parsed = new DOMParser().parseFromString(`<ol>${markup}</ol>`, "text/html");
  list.replaceChildren(...parsed.querySelector("ol").children);
  list.dispatchEvent(new CustomEvent("notifier:added", { bubbles: true }));
  if (focused) list.querySelector(`[data-with="${CSS.escape(focused)}"] a`)?.focus({ preventScroll: true });
}
