// The open conversation: what is written here, what comes, what goes, what was seen.
// It must never hold a second truth: what is stored is what the server says, by message number.

import { countCharacters } from "../counter.js";
import { isOnItsWay } from "../submits.js";
import { counted, text } from "../texts.js";
import { Messages } from "./messages.js";
import { Reading } from "./reading.js";
import { Unsent } from "./unsent.js";

const at = (id) => document.getElementById(id);

// Null where there is no conversation on the page.
export function openConversation(live, announcer) {
  const page = document.querySelector("main[data-conversation]");
  return page && at("reply") ? new OpenConversation(page.dataset, live, announcer) : null;
}

class OpenConversation {
  #other;
  #messages;
  #reading;
  #unsent;
  #announcer;
  #missed = 0;

  constructor({ conversation, otherId }, live, announcer) {
    this.#other = conversation;
    this.#announcer = announcer;
    this.#messages = new Messages(at("messages"), at("nothing-said"));
    this.#reading = new Reading(conversation);
    this.#unsent = new Unsent(document.body.dataset.personId, conversation, otherId, {
      changed: (item) => this.#showUnsent(item),
      stored: (item, answer) => this.#stored(item.key, { ...item, id: answer.id, sentAt: answer.sent_at }),
      gone: (key) => this.#messages.removeUnsent(key),
      only: (keys) => this.#keepUnsent(new Set(keys)),
    });
    live.on("message", ({ data }) => this.#came(data));
    // Of somebody who is muted: it rings nowhere, but here one looks.
    live.on("quiet_message", ({ data }) => this.#came(data));
    live.on("message_sent", ({ data }) => this.#sentElsewhere(data));
    live.on("message_deleted", ({ data }) => this.#messages.remove(data.id));
    this.#watchBox();
    this.#watchList();
    this.#scrollToStart();
    this.#unsent.start();
  }

  // Whether a message of this person's shows here, so that nothing else need tell of it.
  isWith(name) {
    return name === this.#other;
  }

  #came({ id, from, body, sent_at: sentAt }) {
    if (!this.isWith(from)) return;
    this.#announcer.say("conversation", text("{name}: {words}", { name: from, words: body }));
    if (this.#messages.lacksEnd) return this.#missedOne();
    const follows = this.#messages.isNearEnd();
    const element = this.#messages.add({ id, body, sentAt }, false);
    if (!element) return;
    element.dataset.unread = "";
    this.#reading.watch(element);
    if (follows && !document.hidden) this.#messages.toEnd();
    else this.#missedOne();
  }

  #sentElsewhere({ id, to, body, sent_at: sentAt, key }) {
    if (this.isWith(to)) this.#stored(key, { id, body, sentAt });
  }

  // The answer and the event may come in any order, and in several tabs.
  #stored(key, message) {
    const follows = this.#messages.isNearEnd();
    if (key) this.#unsent.drop(key);
    if (this.#messages.lacksEnd) return;
    if (this.#messages.add(message, true) && follows) this.#messages.toEnd();
  }

  #showUnsent(item) {
    const follows = this.#messages.isNearEnd();
    this.#messages.showUnsent(item);
    if (follows || item.state === "sending") this.#messages.toEnd();
    if (item.state === "refused") this.#announcer.say("refused", text("Not sent: {why}", { why: item.why }));
  }

  #keepUnsent(keys) {
    for (const key of this.#messages.unsentKeys()) {
      if (!keys.has(key)) this.#messages.removeUnsent(key);
    }
  }

  #watchBox() {
    const form = at("reply");
    const box = form.elements.message;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      // Sent before this script had come, and its page is not here yet.
      if (!isOnItsWay(form)) this.#send(box);
    });
  }

  #send(box) {
    const body = box.value.trim();
    if (!body || countCharacters(body) > Number(box.dataset.most)) return box.focus();
    box.value = "";
    box.dispatchEvent(new Event("input", { bubbles: true }));
    this.#unsent.add(body);
    box.focus();
    // The words are kept; the page with the end of the conversation shows and sends them.
    if (this.#messages.lacksEnd) location.assign(`/conversations/${encodeURIComponent(this.#other)}?at=end#end`);
  }

  #watchList() {
    const list = this.#messages.element;
    list.addEventListener("notifier:added", ({ target }) => {
      this.#reading.watch(target);
      this.#watchMore(target);
    });
    list.addEventListener("submit", (event) => this.#delete(event));
    list.addEventListener("click", ({ target }) => this.#unsentButton(target));
    at("to-newest").addEventListener("click", () => this.#goToNewest());
    window.addEventListener("scroll", () => this.#messages.isNearEnd() && this.#caughtUp(), { passive: true });
    this.#reading.watch(list);
    this.#watchMore(list);
  }

  #watchMore(root) {
    for (const link of root.querySelectorAll("[data-older], [data-newer]")) {
      const observer = new IntersectionObserver(([entry]) => {
        if (entry.isIntersecting && link.isConnected) this.#loadMore(link, observer);
      }, { rootMargin: "400px 0px" });
      observer.observe(link);
    }
  }

  async #loadMore(link, observer) {
    if (link.dataset.loading) return;
    link.dataset.loading = "yes";
    try {
      const reply = await fetch(`${link.href}&part=messages`, { headers: { Accept: "text/html" } });
      if (!reply.ok) return;
      observer.disconnect();
      this.#messages.replaceMore(link, await reply.text());
      if (!this.#messages.lacksEnd && this.#missed && this.#messages.isNearEnd()) this.#caughtUp();
    } catch {
      // No network: the link stays, and is looked at again when it comes into view.
    } finally {
      delete link.dataset.loading;
    }
  }

  async #delete(event) {
    const form = event.target;
    if (!form.matches("[data-delete]")) return;
    event.preventDefault();
    const id = Number(form.elements.id.value);
    try {
      const reply = await fetch(form.action, {
        method: "POST",
        headers: { Accept: "application/json" },
        body: new URLSearchParams({ id }),
      });
      // Gone already, on another device: then it is gone here too.
      if (reply.ok || reply.status === 404) this.#messages.remove(id);
      else this.#announcer.say("delete", text("It could not be deleted now."));
    } catch {
      this.#announcer.say("delete", text("It could not be deleted now."));
    }
    form.closest("details")?.removeAttribute("open");
  }

  #unsentButton(target) {
    const does = target.closest?.("[data-unsent]")?.dataset.unsent;
    if (!does) return;
    const body = this.#unsent.drop(target.closest("[data-key]").dataset.key);
    const box = at("message");
    if (does === "edit") {
      box.value = [body, box.value].filter(Boolean).join("\n");
      box.dispatchEvent(new Event("input", { bubbles: true }));
    }
    box.focus();
  }

  #missedOne() {
    this.#missed += 1;
    const pill = at("to-newest");
    pill.textContent = counted("{n} new message", "{n} new messages", this.#missed);
    pill.hidden = false;
  }

  #caughtUp() {
    if (this.#messages.lacksEnd) return;
    this.#missed = 0;
    at("to-newest").hidden = true;
  }

  #goToNewest() {
    if (this.#messages.lacksEnd) {
      location.assign(`/conversations/${encodeURIComponent(this.#other)}?at=end#end`);
      return;
    }
    this.#messages.toEnd();
    this.#caughtUp();
  }

  #scrollToStart() {
    // An address with a place in it, or a page that comes back, is where it should be already.
    if (location.hash || performance.getEntriesByType("navigation")[0]?.type === "back_forward") return;
    const unread = at("new");
    if (unread) unread.scrollIntoView({ block: "center", behavior: "instant" });
    else this.#messages.toEnd();
  }
}
