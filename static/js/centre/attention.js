// What asks for attention from outside the page: the count in the title, on the app's icon, and a dot
// on the tab's. It must never count anything itself.

const MOST_SHOWN = 99;

export const shown = (count) => (count > MOST_SHOWN ? `${MOST_SHOWN}+` : String(count));

export class Attention {
  #title = document.title;
  #icon = document.querySelector('link[rel="icon"]');
  #plain = this.#icon?.getAttribute("href");
  #counts = { messages: 0, others: 0 };

  // Of messages and of other notifications; each is told by who counts it.
  show(kind, count) {
    this.#counts[kind] = count;
    const all = this.#counts.messages + this.#counts.others;
    document.title = all ? `(${shown(all)}) ${this.#title}` : this.#title;
    if (this.#icon) {
      const href = all ? this.#icon.dataset.dotted ?? this.#plain : this.#plain;
      if (this.#icon.getAttribute("href") !== href) this.#icon.setAttribute("href", href);
    }
    // Only an installed app has a badge, and some browsers refuse elsewhere.
    if ("setAppBadge" in navigator) {
      (all ? navigator.setAppBadge(all) : navigator.clearAppBadge()).catch(() => {});
    }
  }
}
