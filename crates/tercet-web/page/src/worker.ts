// The worker: everything that computes. One request after another, each a method of the engine.

import init, { Engine } from "../pkg/tercet_web.js";
import type { Answer, Request } from "./protocol";

const started = (async () => {
  const beside = async (name: string) => {
    const response = await fetch(new URL(name, self.location.href));
    if (!response.ok) throw new Error(`${name} could not be loaded (${response.status})`);
    return response;
  };
  const [wasm, verdict] = await Promise.all([beside("tercet.wasm"), beside("models/verdict.json")]);
  await init({ module_or_path: await wasm.arrayBuffer() });
  return new Engine(await verdict.text());
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
