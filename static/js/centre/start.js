// Wires the notification centre into a page: what comes is counted, and told in the ways that the
// person chose. It must never show what the page itself shows; whoever calls says so.

import { text } from "../texts.js";
import { Toasts } from "../toasts.js";
import { Attention } from "./attention.js";
import { Bell } from "./bell.js";
import { Choices } from "./choices.js";
import { Elsewhere } from "./elsewhere.js";

const LINES_URL = "/notifications/lines";
const ASKING_LOCK = "notifier-lines";

const at = (id) => document.getElementById(id);

export function startCentre(page, live, announcer) {
  const link = at("bell");
  const attention = new Attention();
  const choices = new Choices(JSON.parse(link.dataset.choices));
  const elsewhere = new Elsewhere(page.personId, choices);
  const toasts = new Toasts(at("toasts"));
  // The panel lists what the cards say.
  const bell = new Bell(link, at("bell-panel"), attention, () => toasts.clear());
  let unread = null;
  let told = Number(link.dataset.sequence);

  function tell(news) {
    if (choices.allows("toast", news.name)) {
      toasts.show(news);
      announcer.say(news.name, `${news.title}.`);
    }
    elsewhere.tell(news);
  }

  // Names that no script knows are told in the server's words. Of hidden tabs one asks for all of
  // them.
  async function tellOthers(event) {
    if (!document.hidden || !("locks" in navigator)) return fetchLines(event);
    return navigator.locks.request(ASKING_LOCK, { ifAvailable: true }, (lock) =>
      lock ? fetchLines(event) : undefined,
    );
  }

  async function fetchLines(event) {
    const url = `${LINES_URL}?after=${told}`;
    told = event.sequence;
    const reply = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
    if (!reply?.ok) return;
    for (const one of await reply.json()) {
      if (one.name !== "message") tell({ ...one, timestamp: event.timestamp });
    }
  }

  live.on("unseen_notification_count", (event) => {
    if (bell.show(event.data, event.sequence)) tellOthers(event);
  });

  live.on("message_deleted", () => bell.messagesWent());

  return {
    // A `message` event; `isShown` when the page itself shows it to somebody who looks.
    message({ data, sequence, timestamp }, isShown) {
      bell.addMessage(sequence);
      const title = text("Message from {name}", { name: data.from });
      const link = `/notifications/${sequence}`;
      const news = { name: "message", sequence, timestamp, title, text: data.body, link, from: data.from };
      if (isShown) elsewhere.tell(news);
      else tell(news);
    },

    unreadMessages(count) {
      attention.show("messages", count);
      if (unread !== null && count < unread) bell.messagesWent();
      unread = count;
    },
  };
}
