// Where texts that are not stored yet wait in the browser, and that they go when one signs out.
// It must never forget a text on any other occasion.

export const PREFIX = "notifier-unsent-";

// Whoever signs out here leaves nothing behind on this computer.
export function forgetUnsentOnSignOut() {
  document.querySelector('form[action="/logout"]')?.addEventListener("submit", () => {
    for (const place of Object.keys(localStorage)) {
      if (place.startsWith(PREFIX)) localStorage.removeItem(place);
    }
  });
}
