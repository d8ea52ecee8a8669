// The service worker: after the first visit, the page opens without a network.
//
// The files of the page come from the network if it is there, so that a new version is used at once, and
// otherwise from the cache. MNIST's files never change: they come from the cache once they are in it.

/** The parts of a service worker that are used here: TypeScript's types of them conflict with the page's. */
interface Worker {
  addEventListener(name: string, listener: (event: WorkerEvent) => void): void;
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  registration: { scope: string };
}
interface WorkerEvent {
  request: Request;
  waitUntil(work: Promise<unknown>): void;
  respondWith(answer: Promise<Response>): void;
}

const worker = self as unknown as Worker;
const CACHE = "tercet";
const FILES = [
  "./",
  "page.js",
  "page.css",
  "worker.js",
  "tercet.wasm",
  "icon.svg",
  "manifest.webmanifest",
  "models/verdict.json",
  ...["sample", "linear", "network", "convolution"].map((name) => `models/${name}.safetensors.gz`),
];

worker.addEventListener("install", (event) => {
  const store = async () => {
    await (await caches.open(CACHE)).addAll(FILES);
    await worker.skipWaiting();
  };
  event.waitUntil(store());
});

worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { scope } = worker.registration;
  if (request.method !== "GET" || !request.url.startsWith(scope)) return;
  // The first address may contain a token, which does not belong into a cache.
  const key = request.mode === "navigate" ? scope : request.url;
  event.respondWith(key.startsWith(`${scope}data/`) ? fromCache(key, request) : fromNetwork(key, request));
});

async function fromCache(key: string, request: Request): Promise<Response> {
  return (await caches.match(key)) ?? fromNetwork(key, request);
}

async function fromNetwork(key: string, request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.ok && response.type === "basic") {
      const copy = response.clone();
      const cache = await caches.open(CACHE);
      await cache.put(key, copy);
    }
    return response;
  } catch (error) {
    const stored = await caches.match(key);
    if (stored) return stored;
    throw error;
  }
}
