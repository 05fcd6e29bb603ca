// How many characters are left under a field, counted as people count them: one emoji is one.
// It must never cut what somebody types; the server says no to what is too long, and keeps it.

import { counted } from "./texts.js";

const segmenter = "Segmenter" in Intl ? new Intl.Segmenter() : null;
// Said only when it begins to matter.
const NEAR = 40;

export function countCharacters(text) {
  return segmenter ? [...segmenter.segment(text)].length : [...text].length;
}

export function watchCounters(root = document) {
  for (const field of root.querySelectorAll("[data-most]")) {
    const place = document.getElementById(field.dataset.counter);
    const show = () => {
      const left = Number(field.dataset.most) - countCharacters(field.value.trim());
      place.textContent = left > NEAR ? "" : said(left);
      place.classList.toggle("over", left < 0);
    };
    field.addEventListener("input", show);
    show();
  }
}

function said(left) {
  return left < 0
    ? counted("{n} too many", "{n} too many", -left)
    : counted("{n} left", "{n} left", left);
}
