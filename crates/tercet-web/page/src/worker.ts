// The worker runs the engine. It answers one request after another, each a call of one of its methods.

import init, { Engine } from "../pkg/tercet_web.js";
import type { Answer, Request } from "./protocol";

const load = async (name: string): Promise<Response> => {
  const response = await fetch(new URL(name, self.location.href));
  if (!response.ok) throw new Error(`${name} could not be loaded (${response.status})`);
  return response;
};

async function start(): Promise<Engine> {
  const [wasm, verdict] = await Promise.all([load("tercet.wasm"), load("models/verdict.json")]);
  await init({ module_or_path: await wasm.arrayBuffer() });
  return new Engine(await verdict.text());
}

let starting: Promise<Engine> | null = null;

/** The engine. After an error, the next request starts it again. */
function engine(): Promise<Engine> {
  starting ??= start().catch((error: unknown) => {
    starting = null;
    throw error;
  });
  return starting;
}
engine().catch(() => {
  // Every request reports the error.
});

self.onmessage = async (event: MessageEvent<Request>) => {
  const { id, method, args } = event.data;
  let answer: Answer;
  try {
    const methods = (await engine()) as unknown as Record<string, (...args: unknown[]) => unknown>;
    const implementation = methods[method];
    if (typeof implementation !== "function") throw new Error(`the engine has no method ${method}`);
    answer = { id, value: implementation.apply(methods, args) };
  } catch (error) {
    const crashed = error instanceof WebAssembly.RuntimeError;
    const message = error instanceof Error ? error.message : String(error);
    answer = { id, error: crashed ? `the engine crashed (${message}): reload the page` : message, crashed };
  }
  self.postMessage(answer);
};
