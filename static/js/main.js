// Wires the page: what there is on it decides what is started.
// It must never hold state of its own; the things it makes do.

import { Announcer } from "./announcer.js";
import { Arrivals } from "./arrivals.js";
import { Badge } from "./badge.js";
import { sayThatScriptsRun } from "./by_script.js";
import { startBrowserSettings } from "./centre/browser.js";
import { startCentre } from "./centre/start.js";
import { ConnectionLine } from "./connection_line.js";
import { watchFind } from "./conversation/find.js";
import { followList } from "./conversation/list.js";
import { openConversation } from "./conversation/open.js";
import { forgetUnsentOnSignOut } from "./conversation/unsent.js";
import { watchCounters } from "./counter.js";
import { Diagnostics } from "./diagnostics.js";
import { watchExport } from "./export_progress.js";
import { Live } from "./live/live.js";
import { followPerson, nobodyIsHere } from "./live/person.js";
import { watchMenu } from "./menu.js";
import { watchPopovers } from "./popover.js";
import { Presence } from "./presence.js";
import { watchSeen } from "./seen.js";
import { watchSubmits } from "./submits.js";
import { keepTimesFresh, refreshTimes } from "./times.js";
import { watchTyping } from "./typing.js";
import { Whereabouts } from "./whereabouts.js";

const at = (id) => document.getElementById(id);

function startLive(page) {
  const line = new ConnectionLine(at("connection"), at("told"));
  const announcer = new Announcer(at("announcer"));
  const arrivals = at("arrivals") && new Arrivals(at("arrivals"));
  const live = new Live(page, (state) => line.show(state));
  const centre = startCentre(page, live, announcer);
  const badge = new Badge(at("unread-badge"), (count) => centre.unreadMessages(count));

  live.on("unread_message_count", ({ data, sequence }) => badge.show(data, sequence));
  const conversation = openConversation(live, announcer);
  followList(live);
  live.on("message", (event) => {
    centre.message(event, arrivals !== null || conversation?.isWith(event.data.from));
    if (!arrivals) return;
    arrivals.add();
    announcer.say("arrivals", arrivals.text);
  });
  const diagnostics = at("diagnostics") && new Diagnostics(at("diagnostics"), page, live);
  watchSeen(live);
  watchTyping(live);
  watchExport(live);
  new Presence().start(live);
  live.start();
  new Whereabouts(page.personId).start();
  diagnostics?.start();
}

sayThatScriptsRun();
keepTimesFresh();
watchCounters();
watchSubmits();
document.addEventListener("notifier:added", ({ target }) => refreshTimes(target));
for (const menu of document.querySelectorAll("details.menu, details.safety")) watchMenu(menu);
if (document.body.dataset.personId) {
  watchPopovers();
  watchFind();
  forgetUnsentOnSignOut();
  followPerson(document.body.dataset.personId);
  startLive(document.body.dataset);
  if (at("this-browser")) startBrowserSettings(at("this-browser"));
} else if (location.pathname === "/login") {
  nobodyIsHere();
}
