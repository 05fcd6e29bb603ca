// Says whether somebody looks at a page of this browser: here, or away. The server believes it for
// some minutes, so it is said again now and then, by one tab for all of them.
// It must never say more than that, nor keep a hidden page awake.

const HERE_AGAIN_MS = 60_000;
const AWAY_AGAIN_MS = 240_000;
// A tab whose timer comes a little early would otherwise let a whole turn pass.
const EARLY = 0.8;
const IDLE_MS = 300_000;
// Turning a page hides one and shows the next; only who stays hidden is away.
const HIDDEN_MS = 2_000;
// Held, shared, by every tab that is looked at: the browser lets go of it when a tab crashes.
const LOCK = "notifier-looked-at";
const SIGNS_OF_LIFE = ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"];

export class Whereabouts {
  #key;
  #letGo = null;
  #lastInput = Date.now();
  #leaving;

  constructor(personId) {
    this.#key = `notifier-whereabouts-${personId}`;
  }

  start() {
    const look = () => this.#look();
    document.addEventListener("visibilitychange", () => {
      this.#lastInput = Date.now();
      look();
    });
    for (const sign of SIGNS_OF_LIFE) {
      document.addEventListener(sign, () => this.#alive(), { passive: true, capture: true });
    }
    window.addEventListener("online", () => {
      this.#forget();
      look();
    });
    // The lock would keep this page out of the back-forward cache.
    window.addEventListener("pagehide", () => {
      clearTimeout(this.#leaving);
      this.#notLookedAt();
    });
    window.addEventListener("pageshow", (event) => event.persisted && look());
    setInterval(look, HERE_AGAIN_MS);
    look();
  }

  #alive() {
    const wasIdle = this.#isIdle();
    this.#lastInput = Date.now();
    if (wasIdle) this.#look();
  }

  #isIdle() {
    return Date.now() - this.#lastInput > IDLE_MS;
  }

  #look() {
    clearTimeout(this.#leaving);
    if (document.visibilityState === "visible" && !this.#isIdle()) {
      this.#lookedAt();
      this.#say("here", HERE_AGAIN_MS);
    } else {
      this.#notLookedAt();
      this.#leaving = setTimeout(() => this.#away(), HIDDEN_MS);
    }
  }

  async #away() {
    if (!(await someTabIsLookedAt())) this.#say("away", AWAY_AGAIN_MS);
  }

  #lookedAt() {
    if (this.#letGo || !navigator.locks) return;
    const held = new Promise((letGo) => {
      this.#letGo = letGo;
    });
    navigator.locks.request(LOCK, { mode: "shared" }, () => held);
  }

  #notLookedAt() {
    this.#letGo?.();
    this.#letGo = null;
  }

  // What any tab has said already is not said again before its time.
  async #say(state, againMs) {
    const [last, at] = (localStorage.getItem(this.#key) ?? "").split(" ");
    if (last === state && Date.now() - Number(at) < againMs * EARLY) return;
    localStorage.setItem(this.#key, `${state} ${Date.now()}`);
    try {
      const reply = await fetch("/presence", {
        method: "POST",
        body: new URLSearchParams({ state }),
        keepalive: true,
      });
      if (!reply.ok) this.#forget();
    } catch {
      // No network: said again when it is back, or at the next turn.
      this.#forget();
    }
  }

  #forget() {
    localStorage.removeItem(this.#key);
  }
}

async function someTabIsLookedAt() {
  if (!navigator.locks) return false;
  const { held } = await navigator.locks.query();
  return held.some((lock) => lock.name === LOCK);
}
