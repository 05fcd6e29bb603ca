// Wires the page of somebody who is signed in: what there is on it decides what is fetched and
// started. It must never hold state of its own; the things it makes do.

import { Announcer } from "./announcer.js";
import { Arrivals } from "./arrivals.js";
import { Badge } from "./badge.js";
import { startCentre } from "./centre/start.js";
import { ConnectionLine } from "./connection_line.js";
import { forgetUnsentOnSignOut } from "./conversation/forgetting.js";
import { Live } from "./live/live.js";
import { followPerson } from "./live/person.js";
import { watchPopovers } from "./popover.js";
import { Presence } from "./presence.js";
import { watchSeen } from "./seen.js";
import { watchTyping } from "./typing.js";
import { Whereabouts } from "./whereabouts.js";

const at = (id) => document.getElementById(id);

export async function startSignedIn(page) {
  watchPopovers();
  forgetUnsentOnSignOut();
  followPerson(page.personId);
  if (at("find")) (await import("./conversation/find.js")).watchFind();
  if (at("this-browser")) (await import("./centre/browser.js")).startBrowserSettings(at("this-browser"));
  await startLive(page);
}

async function startLive(page) {
  const line = new ConnectionLine(at("connection"), at("told"));
  const announcer = new Announcer(at("announcer"));
  const arrivals = at("arrivals") && new Arrivals(at("arrivals"));
  const live = new Live(page, (state) => line.show(state));
  const centre = startCentre(page, live, announcer);
  const badge = new Badge(at("unread-badge"), (count) => centre.unreadMessages(count));

  live.on("unread_message_count", ({ data, sequence }) => badge.show(data, sequence));
  const conversation = at("reply") && (await import("./conversation/open.js")).openConversation(live, announcer);
  if (at("lines")) (await import("./conversation/list.js")).followList(live);
  live.on("message", (event) => {
    centre.message(event, arrivals !== null || conversation?.isWith(event.data.from));
    if (!arrivals) return;
    arrivals.add();
    announcer.say("arrivals", arrivals.text);
  });
  const diagnostics =
    at("diagnostics") && new (await import("./diagnostics.js")).Diagnostics(at("diagnostics"), page, live);
  live.on("out_of_sight", async () => (await import("./out_of_sight.js")).takeOutOfSight());
  watchSeen(live);
  watchTyping(live);
  if (document.querySelector("[data-export]")) (await import("./export_progress.js")).watchExport(live);
  new Presence().start(live);
  // Everything listens by now: what comes first is heard by all.
  live.start();
  new Whereabouts(page.personId).start();
  diagnostics?.start();
}
