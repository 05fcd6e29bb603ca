// The count in the bar, and in the title. It must never show an older count than it did before.

const MOST_SHOWN = 99;

export class Badge {
  #element;
  #sequence;
  #title = document.title;

  constructor(element) {
    this.#element = element;
    this.#sequence = Number(element.dataset.sequence);
    this.#showTitle(Number(element.dataset.count));
  }

  // A count is the state at its sequence: one that comes late is older, whatever its number.
  show(count, sequence) {
    if (sequence < this.#sequence) return;
    const grew = count > Number(this.#element.dataset.count);
    this.#sequence = sequence;
    this.#element.dataset.sequence = sequence;
    this.#element.dataset.count = count;
    this.#element.hidden = count === 0;
    this.#element.querySelector("[data-figure]").textContent = shown(count);
    this.#showTitle(count);
    if (grew) this.#ring();
  }

  #ring() {
    this.#element.classList.remove("arrived");
    // Reading the size makes the browser forget the animation that ran before.
    void this.#element.offsetWidth;
    this.#element.classList.add("arrived");
  }

  #showTitle(count) {
    document.title = count ? `(${shown(count)}) ${this.#title}` : this.#title;
  }
}

function shown(count) {
  return count > MOST_SHOWN ? `${MOST_SHOWN}+` : String(count);
}
