// MNIST's training set, which is loaded on first use.

import { engine } from "./engine";
import { fetchBytes } from "./fetch";

/** Called with a description of the progress: `Loading MNIST: 43 %`. */
export type Progress = (words: string) => void;

/** The size of the compressed files of the training set together. */
const BYTES = 8_555_286;

let loading: Promise<void> | null = null;
let loaded = false;
const listeners = new Set<Progress>();

/** Whether MNIST is loaded. */
export const isMnistLoaded = (): boolean => loaded;

/** Loads MNIST's training set, once. */
export async function loadMnist(progress: Progress): Promise<void> {
  if (loaded) return;
  listeners.add(progress);
  loading ??= load();
  try {
    await loading;
  } catch (error) {
    loading = null;
    throw error;
  } finally {
    listeners.delete(progress);
  }
}

function report(words: string): void {
  for (const progress of listeners) progress(words);
}

async function load(): Promise<void> {
  let received = 0;
  report("Loading MNIST …");
  const names = await engine.dataFiles();
  const files = await Promise.all(
    names.map((name) =>
      fetchBytes(`data/${name}`, (bytes) => {
        received += bytes;
        if (received < BYTES) report(`Loading MNIST: ${Math.floor((100 * received) / BYTES)} %`);
      }),
    ),
  );
  // The engine decompresses the files when it has received the last one.
  report("MNIST is loaded; decompressing 60,000 images …");
  for (const [i, name] of names.entries()) await engine.addData(name, files[i] ?? new Uint8Array());
  loaded = true;
}
