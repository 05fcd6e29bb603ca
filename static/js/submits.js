// Forms are sent once, however impatient the finger, and from a box that says so by Enter.
// It must never leave a form dead: a page that comes back has all its buttons.

// A send that was stopped or that hangs may be tried again.
const PATIENCE_MS = 8_000;

export function isOnItsWay(form) {
  return Boolean(form.dataset.sent);
}

export function watchSubmits() {
  document.addEventListener("keydown", submitByEnter);
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const form = event.target;
    if (isOnItsWay(form)) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, PATIENCE_MS);
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });
}

// From the first moment: while the scripts of the page itself are still coming, the form goes as it
// goes without them.
function submitByEnter(event) {
  // While a word is being composed (Chinese, Japanese …) Enter belongs to that.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  const box = event.target;
  if (!box.matches?.("[data-enter-sends]")) return;
  event.preventDefault();
  if (box.value.trim()) box.form.requestSubmit();
}
