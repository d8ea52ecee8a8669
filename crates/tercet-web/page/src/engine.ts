// The interface of the engine: promises of typed answers. It runs in a worker, so the page never blocks.

import { showFailure } from "./dom";
import type {
  About,
  Answer,
  Computed,
  Filtered,
  Filtering,
  Histogram,
  Numbers,
  PlaneView,
  Point,
  Predictions,
  Report,
  Request,
  Scene,
  Setup,
  Subject,
  Templates,
  Thresholds,
  Worked,
} from "./protocol";

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
let requests = 0;

worker.onmessage = ({ data }: MessageEvent<Answer>) => {
  const request = pending.get(data.id);
  pending.delete(data.id);
  if ("error" in data) {
    if (data.crashed) showFailure(data.error);
    request?.reject(new Error(data.error));
  } else request?.resolve(data.value);
};
worker.onerror = (event) => {
  showFailure(`the worker failed (${event.message}): reload the page`);
  for (const request of pending.values()) request.reject(new Error(`the worker failed: ${event.message}`));
  pending.clear();
};

function call<T>(method: string, args: unknown[] = [], transfer: Transferable[] = []): Promise<T> {
  const id = ++requests;
  return new Promise<T>((resolve, reject) => {
    pending.set(id, { resolve: (value) => resolve(value as T), reject });
    worker.postMessage({ id, method, args } satisfies Request, transfer);
  });
}

const json = async <T>(method: string, ...args: unknown[]): Promise<T> =>
  JSON.parse(await call<string>(method, args)) as T;

/** Every method of the engine. */
export const engine = {
  thresholds: () => json<Thresholds>("thresholds"),
  addModel: (name: string, file: string, bytes: Uint8Array) => json<About>("addModel", name, file, bytes),
  removeModel: (name: string) => call<void>("removeModel", [name]),
  addTrained: (name: string) => json<About>("addTrained", name),
  addNeighbors: (name: string, k: number) => json<About>("addNeighbors", name, k),
  async predict(
    width: number,
    height: number,
    channels: number,
    pixels: Uint8Array,
    chosen: number,
  ): Promise<Predictions> {
    return JSON.parse(
      await call<string>(
        "predict",
        [width, height, channels, pixels, chosen],
        [pixels.buffer as ArrayBuffer],
      ),
    ) as Predictions;
  },
  dataFiles: () => json<string[]>("dataFiles"),
  addData: (name: string, bytes: Uint8Array) =>
    call<boolean>("addData", [name, bytes], [bytes.buffer as ArrayBuffer]),
  beginTraining: (setup: Setup) => call<string>("beginTraining", [JSON.stringify(setup)]),
  train: (steps: number, stats: boolean) => json<Report>("train", steps, stats),
  scaleLearningRate: (factor: number) => call<void>("scaleLearningRate", [factor]),
  templates: (most: number) => json<Templates>("templates", most),
  histograms: () => json<Histogram[]>("histograms"),
  trainedFile: () => call<Uint8Array<ArrayBuffer>>("trainedFile"),
  beginPlane: (scene: Scene) => json<Point[]>("beginPlane", JSON.stringify(scene)),
  advancePlane: (steps: number, side: number) => json<PlaneView>("advancePlane", steps, side),
  graph: (subject: Subject) => json<Computed>("graph", JSON.stringify(subject)),
  filter: (what: Filtering) => json<Filtered>("filter", JSON.stringify(what)),
  exercise: (numbers: Numbers) => json<Worked>("exercise", JSON.stringify(numbers)),
};
