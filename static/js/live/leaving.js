// A page that is going elsewhere goes once: a second order on the way would break off the first.
// It must never keep a page for good that was stopped on its way.

// As long as a page may take to come; after it the page may go again.
const PATIENCE_MS = 8_000;

let leavingUntil = 0;

// go() starts the way, after afterMs. Nothing happens on a page that is leaving already.
export function leaveOnce(go, afterMs = 0) {
  if (Date.now() < leavingUntil) return;
  leavingUntil = Date.now() + afterMs + PATIENCE_MS;
  setTimeout(go, afterMs);
}

// Out of the back-forward cache a page comes as it went, and stays.
window.addEventListener("pageshow", (event) => event.persisted && (leavingUntil = 0));
