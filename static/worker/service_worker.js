// Shows a push when no page is open, and leads to what it tells of.
// It must never keep a page: what people read here is theirs alone, and must be right.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  event.waitUntil(show(read(event.data)));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(follow(event.notification.data?.link));
});

// A browser may change its address at the push service by itself.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(subscribeAgain(event.oldSubscription));
});

// Whatever came, something is shown: browsers take the right to be pushed from those who show nothing.
function read(data) {
  try {
    return data.json();
  } catch {
    return { title: "Notifier", body: "", tag: "notifier", link: "/notifications/all" };
  }
}

async function show(told) {
  if ("setAppBadge" in self.navigator && told.count) {
    await self.navigator.setAppBadge(told.count).catch(() => {});
  }
  const pages = await ownPages();
  // It crossed with a page that was opened meanwhile: that one has told it.
  if (pages.some((page) => page.visibilityState === "visible")) return;
  await self.registration.showNotification(told.title, {
    body: told.body,
    tag: told.tag,
    data: { link: told.link },
    icon: "/static/img/icon-192.png",
    badge: "/static/img/favicon.svg",
  });
}

const ownPages = () => self.clients.matchAll({ type: "window", includeUncontrolled: true });

async function follow(link) {
  const url = new URL(link ?? "/notifications/all", self.location.origin);
  // A push never leads to another site.
  const target = url.origin === self.location.origin ? url.href : self.location.origin;
  const [page] = await ownPages();
  if (!page) return self.clients.openWindow(target);
  await page.focus();
  // A page that this worker does not control yet cannot be led by it.
  return page.navigate(target).catch(() => self.clients.openWindow(target));
}

async function subscribeAgain(old) {
  if (!old) return;
  const fresh = await self.registration.pushManager.subscribe(old.options);
  const { endpoint, keys } = fresh.toJSON();
  const body = new URLSearchParams({ endpoint, p256dh: keys.p256dh, auth: keys.auth });
  await fetch("/push", { method: "POST", body });
  await fetch("/push", { method: "DELETE", body: new URLSearchParams({ endpoint: old.endpoint }) });
}
