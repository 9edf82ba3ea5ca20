// Pages always come from the network; without one, a page says so. Nothing personal is kept on the device.
const CACHE = "ip2a-shell-1";
const OFFLINE = "/offline";

self.addEventListener("install", (event) => {
  event.waitUntil(
    fetch(OFFLINE).then(async (page) => {
      const text = await page.clone().text();
      const parts = [...text.matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)].map((found) => found[1]);
      const cache = await caches.open(CACHE);
      await cache.put(OFFLINE, page);
      await cache.addAll([...new Set(parts)]);
    }),
  );
});

self.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.mode === "navigate" && request.method === "GET") {
    event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  } else if (new URL(request.url).pathname.startsWith("/static/")) {
    event.respondWith(fetch(request).catch(() => caches.match(request)));
  }
});
