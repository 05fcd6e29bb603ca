// On the settings page: what this browser allows, and asking it for more, by a click and never before.
// It must never leave a button that does nothing.

import { text } from "../texts.js";
import { playTone } from "./tone.js";

const WORKER_URL = "/service-worker.js";
const PUSH_URL = "/push";

const at = (id) => document.getElementById(id);

export function startBrowserSettings(place) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  offerZone(at("own-zone"), at("time-zone"), zone);
  place.hidden = false;
  const key = place.dataset.pushKey;
  const canPush = Boolean(key) && "serviceWorker" in navigator && "PushManager" in window;
  const known = new Set(place.dataset.pushKnown.split(" "));
  const refresh = async () => show(canPush ? await ownSubscription(known) : null, canPush);
  const press = (id, work) =>
    at(id).addEventListener("click", async () => {
      at(id).disabled = true;
      try {
        await work();
      } catch (error) {
        at("browser-says").textContent = text("That did not work: {reason}", {
          reason: error.message,
        });
        return;
      } finally {
        at(id).disabled = false;
      }
      await refresh();
    });
  press("allow-desktop", () => Notification.requestPermission());
  press("push-on", () => pushOn(key, known));
  press("push-off", pushOff);
  press("try-sound", playTone);
  refresh();
}

// Nobody looks for their own city in a list of hundreds.
function offerZone(button, select, zone) {
  if (!zone || select.value === zone || ![...select.options].some((one) => one.value === zone)) return;
  button.textContent = text("Use {zone}, as on this device", { zone });
  button.hidden = false;
  button.addEventListener("click", () => {
    select.value = zone;
    button.hidden = true;
    select.focus();
  });
}

function show(subscribed, canPush) {
  const permission = "Notification" in window ? Notification.permission : "missing";
  at("browser-says").textContent = sentence(permission, subscribed);
  at("allow-desktop").hidden = permission !== "default";
  at("push-on").hidden = !canPush || permission === "denied" || subscribed !== null;
  at("push-off").hidden = subscribed === null;
}

function sentence(permission, subscribed) {
  if (subscribed) return text("This browser shows notifications, and is pushed to when no page is open.");
  if (permission === "granted") return text("This browser shows notifications while a page is open.");
  if (permission === "denied") {
    return text("This browser refuses notifications of this site: allow them in its own settings.");
  }
  if (permission === "missing") return text("This browser can show no notifications here.");
  return text("This browser has not been asked yet.");
}

async function subscription() {
  const worker = await navigator.serviceWorker.getRegistration("/");
  return (await worker?.pushManager.getSubscription()) ?? null;
}

// A browser keeps its subscription when somebody signs out, the site does not.
async function ownSubscription(known) {
  const found = await subscription();
  return found && known.has(await hashOf(found.endpoint)) ? found : null;
}

async function hashOf(endpoint) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function pushOn(key, known) {
  if ((await Notification.requestPermission()) !== "granted") return;
  await navigator.serviceWorker.register(WORKER_URL);
  const { pushManager } = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: key };
  const { endpoint, keys } = (await pushManager.subscribe(options)).toJSON();
  const body = new URLSearchParams({ endpoint, p256dh: keys.p256dh, auth: keys.auth });
  const reply = await fetch(PUSH_URL, {
    method: "POST",
    headers: { Accept: "application/json" },
    body,
  });
  if (reply.ok) {
    known.add(await hashOf(endpoint));
    return;
  }
  // What the site does not know of must not stand in the browser as if it did.
  await (await subscription())?.unsubscribe();
  throw new Error((await reply.json()).error);
}

async function pushOff() {
  const found = await subscription();
  if (!found) return;
  await fetch(PUSH_URL, {
    method: "DELETE",
    body: new URLSearchParams({ endpoint: found.endpoint }),
  });
  await found.unsubscribe();
}
