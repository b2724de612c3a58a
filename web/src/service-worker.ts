/** Keeps the page for use without a network: its own files when it is installed, the catalogue's as they are asked for. */
declare const self: ServiceWorkerGlobalScope;

interface ServiceWorkerGlobalScope extends EventTarget {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
}
interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const CACHE = "plimsoll-page";

self.addEventListener("install", (event) => (event as ExtendableEvent).waitUntil(install()));
self.addEventListener("activate", (event) => (event as ExtendableEvent).waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event as FetchEvent;
  if (request.method !== "GET" || !request.url.startsWith(self.registration.scope)) return;
  const path = new URL(request.url).pathname;
  if (path.includes("/v1/") || path.endsWith("/mcp")) return;
  (event as FetchEvent).respondWith(path.includes("/assets/") ? cacheFirst(request) : networkFirst(request));
});

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  const files: unknown = await (await fetch("files.json")).json();
  if (Array.isArray(files)) await cache.addAll(["./", "files.json", ...files.map(String)]);
  await self.skipWaiting();
}

/** Names with a hash never change. */
async function cacheFirst(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? keep(request, await fetch(request));
}

async function networkFirst(request: Request): Promise<Response> {
  try {
    return await keep(request, await fetch(request));
  } catch (error) {
    const kept = await caches.match(request, { ignoreSearch: request.mode === "navigate" });
    if (kept) return kept;
    throw error;
  }
}

async function keep(request: Request, response: Response): Promise<Response> {
  if (response.ok && request.mode !== "navigate")
    await (await caches.open(CACHE)).put(request, response.clone());
  return response;
}
