// Times as people say them, kept fresh, with the exact one in the reader's own zone on hover.
// It must never change what the server said by more than the passing of time.

import { language, text } from "./texts.js";

const REFRESH_MS = 30_000;
const UNITS = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

const exact = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(language, { numeric: "always" });

function ago(seconds) {
  const unit = UNITS.find(([, size]) => seconds >= size);
  return unit ? relative.format(-Math.floor(seconds / unit[1]), unit[0]) : text("just now");
}

export function refreshTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-ago]")) {
    const then = new Date(element.dateTime);
    element.title = exact.format(then);
    element.textContent = ago((Date.now() - then) / 1000);
  }
}

export function keepTimesFresh() {
  refreshTimes();
  setInterval(() => document.hidden || refreshTimes(), REFRESH_MS);
  document.addEventListener("visibilitychange", () => document.hidden || refreshTimes());
}
