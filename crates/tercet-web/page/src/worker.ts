// The worker: everything that computes. One request after another, each a method of the engine.

import init, { Engine } from "../pkg/tercet_web.js";
import type { Answer, Request } from "./protocol";

const started = (async () => {
  const wasm = await fetch(new URL("tercet.wasm", self.location.href));
  if (!wasm.ok) throw new Error(`tercet.wasm could not be loaded (${wasm.status})`);
  await init({ module_or_path: await wasm.arrayBuffer() });
  return new Engine();
})();
started.catch(() => {
  // Every request says so.
});

self.onmessage = async (event: MessageEvent<Request>) => {
  const { id, method, args } = event.data;
  let answer: Answer;
  try {
    const engine = (await started) as unknown as Record<string, (...args: unknown[]) => unknown>;
    const work = engine[method];
    if (typeof work !== "function") throw new Error(`the engine has no ${method}`);
    answer = { id, value: work.apply(engine, args) };
  } catch (error) {
    const stopped = error instanceof WebAssembly.RuntimeError;
    const words = error instanceof Error ? error.message : String(error);
    answer = { id, error: stopped ? `the engine stopped (${words}): load the page again` : words };
  }
  self.postMessage(answer);
};
