// What was seen is told to the server: a message that stood in view for a moment, in a tab that
// somebody looks at. What was scrolled past stays unread. It must never tell of anything else.

// Long enough to have been seen, not only passed.
const SEEN_MS = 600;
const GATHER_MS = 250;
const AGAIN_MS = 5_000;
const MOST_AT_ONCE = 100;
// How much of a message has to be in view, and how much of the window's edge is under the bars.
const IN_VIEW = 0.7;
const MARGIN = "-60px 0px -88px 0px";

export class Reading {
  #url;
  #observer;
  #inView = new Set();
  #timers = new Map();
  #seen = new Set();
  #telling;

  constructor(other) {
    this.#url = `/conversations/${encodeURIComponent(other)}/read`;
    const options = { threshold: IN_VIEW, rootMargin: MARGIN };
    this.#observer = new IntersectionObserver((entries) => this.#moved(entries), options);
    document.addEventListener("visibilitychange", () => this.#looked());
    window.addEventListener("online", () => this.#tellSoon(0));
  }

  watch(root) {
    for (const element of root.querySelectorAll("[data-unread]")) this.#observer.observe(element);
    if (root.matches("[data-unread]")) this.#observer.observe(root);
  }

  #moved(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#inView.add(target);
      else this.#inView.delete(target);
    }
    this.#looked();
  }

  #looked() {
    for (const [element, timer] of this.#timers) {
      if (!document.hidden && this.#inView.has(element)) continue;
      clearTimeout(timer);
      this.#timers.delete(element);
    }
    if (document.hidden) return;
    for (const element of this.#inView) {
      if (this.#timers.has(element)) continue;
      this.#timers.set(element, setTimeout(() => this.#saw(element), SEEN_MS));
    }
  }

  #saw(element) {
    this.#observer.unobserve(element);
    this.#inView.delete(element);
    this.#timers.delete(element);
    this.#seen.add(element);
    this.#tellSoon(GATHER_MS);
  }

  #tellSoon(ms) {
    this.#telling ??= setTimeout(() => this.#tell(), ms);
  }

  async #tell() {
    const told = [...this.#seen].slice(0, MOST_AT_ONCE);
    let done = told.length === 0;
    if (!done) {
      const ids = told.map((element) => element.dataset.message).join(",");
      try {
        const reply = await fetch(this.#url, {
          method: "POST",
          headers: { Accept: "application/json" },
          body: new URLSearchParams({ ids }),
          keepalive: true,
        });
        // A page of another release, or nobody there any more: asking again would not help.
        done = reply.ok || (reply.status >= 400 && reply.status < 429);
      } catch {
        // No network: what was seen stays seen, and is told later.
      }
    }
    if (done) {
      for (const element of told) {
        this.#seen.delete(element);
        element.removeAttribute("data-unread");
      }
    }
    this.#telling = null;
    if (this.#seen.size) this.#tellSoon(done ? GATHER_MS : AGAIN_MS);
  }
}
