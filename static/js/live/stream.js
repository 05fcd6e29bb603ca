// One EventSource, watched: it says when it hears something, and when it hears nothing any more.
// It must never decide what to do about that, nor know of cursors, tabs or polling.

// A proxy that buffers lets nothing through; our server sends its first bytes at once.
const FIRST_BYTE_MS = 3_000;
// A browser that reconnects by itself waits as long as the server's `retry` says, a few seconds;
// every attempt starts this patience anew. After it the attempt hangs somewhere.
const RECONNECT_MS = 15_000;
// The browser tries again by itself, for ever and without a word about why. After the loss and one
// attempt that was broken off, whoever listens to us should ask in another way meanwhile.
const INTERRUPTIONS_MOST = 2;
// One heartbeat may be late; two and a half are missing.
const SILENT_HEARTBEATS = 2.5;

export class Stream {
  #source;
  #timer;
  #silenceMs;
  #hear;
  #heardAt;
  #interruptions = 0;

  // hear: { open(), alive(), event(event), said(name), interrupted(), failed(why) };
  // failed is the last that is heard: why is "mute", "silent", "stuck" or "closed".
  constructor(url, names, heartbeatMs, hear) {
    this.#hear = hear;
    this.#silenceMs = heartbeatMs * SILENT_HEARTBEATS;
    this.#heardAt = Date.now();
    const elsewhere = new URL(url, location.href).origin !== location.origin;
    this.#source = new EventSource(url, { withCredentials: elsewhere });
    this.#expectWithin(FIRST_BYTE_MS, "mute");
    this.#source.addEventListener("open", () => {
      this.#heard();
      hear.open();
    });
    this.#source.addEventListener("ping", () => this.#alive());
    for (const name of names) {
      this.#source.addEventListener(name, (message) => {
        this.#alive();
        hear.event(JSON.parse(message.data));
      });
    }
    for (const name of ["reset", "signed_out", "too_many"]) {
      this.#source.addEventListener(name, () => {
        this.#alive();
        hear.said(name);
      });
    }
    this.#source.addEventListener("error", () => this.#interrupted());
  }

  close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  // After sleep the timers have slept too: look at the clock instead.
  isSilent() {
    return Date.now() - this.#heardAt > this.#silenceMs;
  }

  #alive() {
    this.#heard();
    this.#hear.alive();
  }

  #heard() {
    this.#heardAt = Date.now();
    this.#interruptions = 0;
    this.#expectWithin(this.#silenceMs, "silent");
  }

  #interrupted() {
    if (!this.#source) return;
    if (this.#source.readyState === EventSource.CLOSED) {
      this.#fail("closed");
    } else if (++this.#interruptions >= INTERRUPTIONS_MOST) {
      this.#fail("stuck");
    } else {
      this.#expectWithin(RECONNECT_MS, "stuck");
      this.#hear.interrupted();
    }
  }

  #expectWithin(ms, why) {
    clearTimeout(this.#timer);
    if (this.#source) this.#timer = setTimeout(() => this.#fail(why), ms);
  }

  #fail(why) {
    this.close();
    this.#hear.failed(why);
  }
}
