// Keeps the page in the browser, all of it or nothing: it opens without a network, and a new version of it
// takes its place when that is there as a whole and no window shows the old one. VERSION and FILES are
// written before this by the export.

const PAGE = `digits ${self.registration.scope} `; // others of this origin have caches of their own
const NAME = PAGE + VERSION;

self.addEventListener("install", (event) => {
  // What the page has just loaded is not loaded again, if it is the latest.
  const files = FILES.map((file) => new Request(file, { cache: "no-cache" }));
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(files)));
});

self.addEventListener("activate", (event) => {
  const isOld = (name) => name.startsWith(PAGE) && name !== NAME;
  event.waitUntil(
    caches.keys().then((names) => Promise.all(names.filter(isOld).map((name) => caches.delete(name)))).then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const kept = caches.open(NAME).then((cache) => cache.match(event.request, { ignoreSearch: true }));
  event.respondWith(kept.then((response) => response ?? fetch(event.request)));
});
