// When another person signs in in this browser, a page of the one before shows what is not theirs
// and would send in the other's name: it starts anew. It must never touch the cookie.

import { leaveOnce } from "./leaving.js";

const KEY = "notifier-person";

// On the sign-in page nobody is signed in: whatever other tabs show is over.
export function nobodyIsHere() {
  if (localStorage.getItem(KEY)) localStorage.setItem(KEY, "");
}

export function followPerson(personId) {
  localStorage.setItem(KEY, personId);
  const check = () => {
    const now = localStorage.getItem(KEY);
    if (now !== null && now !== personId) leaveOnce(() => location.reload());
  };
  // `storage` fires in the other tabs only; a page out of the back-forward cache has missed it.
  window.addEventListener("storage", (event) => event.key === KEY && check());
  window.addEventListener("pageshow", (event) => event.persisted && check());
}
