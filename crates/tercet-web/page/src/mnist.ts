// MNIST's training set, which is loaded on first use.

import { engine } from "./engine";
import { fetchBytes } from "./fetch";

/** Called with the fraction of MNIST that has been received. */
export type Progress = (share: number) => void;

/** The size of the compressed files of the training set together. */
const BYTES = 8_555_286;

let loading: Promise<void> | null = null;
let loaded = false;

/** Whether MNIST is loaded. */
export const isMnistLoaded = (): boolean => loaded;

/** Loads MNIST's training set, once. Only the `progress` of the first call is used. */
export function loadMnist(progress: Progress): Promise<void> {
  loading ??= load(progress);
  loading.catch(() => {
    loading = null;
  });
  return loading;
}

async function load(progress: Progress): Promise<void> {
  let received = 0;
  const names = await engine.dataFiles();
  const files = await Promise.all(
    names.map((name) =>
      fetchBytes(`data/${name}`, (bytes) => {
        received += bytes;
        progress(Math.min(0.99, received / BYTES));
      }),
    ),
  );
  for (const [i, name] of names.entries()) await engine.addData(name, files[i] ?? new Uint8Array());
  loaded = true;
  progress(1);
}
