// Wires the page: what there is on it decides what is started.
// It must never hold state of its own; the things it makes do.

import { Announcer } from "./announcer.js";
import { Arrivals } from "./arrivals.js";
import { Badge } from "./badge.js";
import { ConnectionLine } from "./connection_line.js";
import { watchCounters } from "./counter.js";
import { Live } from "./live/live.js";
import { followPerson } from "./live/person.js";
import { watchMenu } from "./menu.js";
import { watchPopovers } from "./popover.js";
import { watchSubmits } from "./submits.js";
import { text } from "./texts.js";
import { keepTimesFresh, refreshTimes } from "./times.js";
import { Toasts } from "./toasts.js";

const at = (id) => document.getElementById(id);

function startLive(page) {
  const badge = new Badge(at("unread-badge"));
  const line = new ConnectionLine(at("connection"));
  const announcer = new Announcer(at("announcer"));
  const toasts = new Toasts(at("toasts"));
  const arrivals = at("arrivals") && new Arrivals(at("arrivals"));
  const live = new Live(page, (state) => line.show(state));

  live.on("unread_message_count", ({ data, sequence }) => badge.show(data, sequence));
  live.on("message", ({ data }) => {
    if (arrivals) {
      arrivals.add();
      announcer.say("arrivals", arrivals.text);
    } else {
      toasts.show(data);
      announcer.say("message", text("New message from {name}.", { name: data.from }));
    }
  });
  live.start();
}

keepTimesFresh();
watchCounters();
watchSubmits();
document.addEventListener("notifier:added", ({ target }) => refreshTimes(target));
const menu = document.querySelector("details.menu");
if (menu) watchMenu(menu);
if (document.body.dataset.personId) {
  watchPopovers();
  followPerson(document.body.dataset.personId);
  startLive(document.body.dataset);
}
