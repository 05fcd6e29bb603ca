// A form that is on its way is not sent a second time by an impatient finger.
// It must never leave a form dead: a page that comes back has all its buttons.

// A send that was stopped or that hangs may be tried again.
const PATIENCE_MS = 8_000;

export function watchSubmits() {
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const form = event.target;
    if (form.dataset.sent) {
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
