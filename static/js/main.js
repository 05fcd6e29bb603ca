// What runs on every page; what only somebody who is signed in needs is fetched for them alone.
// It must never hold state of its own; the things it starts do.

import { sayThatScriptsRun } from "./by_script.js";
import { watchCounters } from "./counter.js";
import { nobodyIsHere } from "./live/person.js";
import { watchMenu } from "./menu.js";
import { watchSubmits } from "./submits.js";
import { keepTimesFresh, refreshTimes } from "./times.js";

sayThatScriptsRun();
keepTimesFresh();
watchCounters();
watchSubmits();
document.addEventListener("notifier:added", ({ target }) => refreshTimes(target));
for (const menu of document.querySelectorAll("details.menu, details.safety")) watchMenu(menu);
if (document.body.dataset.personId) {
  const { startSignedIn } = await import("./signed_in.js");
  await startSignedIn(document.body.dataset);
} else if (location.pathname === "/login") {
  nobodyIsHere();
}
