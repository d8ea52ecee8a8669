// The models that the page ships trained, MNIST when it is asked for, and models of the visitor's.

import { engine } from "./engine";
import type { About } from "./protocol";

/** A place in the Draw view. */
export interface Place {
  name: string;
  title: string;
  /** The variable of its colour in the style sheet. */
  color: string;
  about: About;
}

const SHIPPED = [
  { name: "sample", title: "Nearest neighbours", color: "--neighbors" },
  { name: "linear", title: "Linear classifier", color: "--linear" },
  { name: "network", title: "Neural network", color: "--network" },
  { name: "convolution", title: "Convolutional network", color: "--convolution" },
] as const;

const here = (name: string) => new URL(name, document.baseURI);

/** Bytes of a file beside the page. Those that end in `.gz` arrive as they are and are unpacked here. */
async function fetched(name: string, seen?: (bytes: number) => void): Promise<Uint8Array> {
  const response = await fetch(here(name));
  if (!response.ok || !response.body) throw new Error(`${name} could not be loaded (${response.status})`);
  const counter = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, to) {
      seen?.(chunk.byteLength);
      to.enqueue(chunk);
    },
  });
  return new Uint8Array(await new Response(response.body.pipeThrough(counter)).arrayBuffer());
}

async function unpacked(bytes: Uint8Array): Promise<Uint8Array> {
  // A server may have unpacked it already, where it took `.gz` for the encoding of the transfer.
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

let places: Promise<Place[]> | null = null;
const mine: Place[] = [];

/** The shipped models, loaded once, and then the visitor's. */
export async function models(): Promise<Place[]> {
  places ??= Promise.all(
    SHIPPED.map(async (shipped) => {
      const file = `models/${shipped.name}.safetensors.gz`;
      const about = await engine.addModel(shipped.name, file, await unpacked(await fetched(file)));
      return { ...shipped, about };
    }),
  );
  places.catch(() => (places = null));
  return [...(await places), ...mine];
}

function put(place: Place): void {
  const at = mine.findIndex((one) => one.name === place.name);
  if (at < 0) mine.push(place);
  else mine[at] = place;
}

/** Adds a model from a file that the program wrote. */
export async function addFile(file: File): Promise<Place> {
  const about = await engine.addModel("mine", file.name, new Uint8Array(await file.arrayBuffer()));
  const place = { name: "mine", title: file.name, color: "--mine", about };
  put(place);
  return place;
}

/** Adds what is being trained, as it is now. */
export async function addTrained(): Promise<Place> {
  const place = {
    name: "mine",
    title: "Trained here",
    color: "--mine",
    about: await engine.addTrained("mine"),
  };
  put(place);
  return place;
}

/** Neighbours that remember all 60,000 images; MNIST is loaded for that. */
export async function rememberAll(seen: Progress): Promise<Place> {
  await loadData(seen);
  const about = await engine.rememberAll("all", 3);
  const place = { name: "all", title: "Neighbours, all 60,000", color: "--neighbors", about };
  put(place);
  return place;
}

/** Called with the share of MNIST that has arrived. */
export type Progress = (share: number) => void;

/** What the compressed files of the training set weigh together. */
const BYTES = 8_555_286;
let data: Promise<void> | null = null;
let loaded = false;

/** Whether MNIST is here. */
export const hasData = (): boolean => loaded;

/** Loads MNIST's training set, once. */
export function loadData(seen: Progress): Promise<void> {
  if (data) {
    // A second visitor sees the end of it only.
    return data;
  }
  data = (async () => {
    let arrived = 0;
    const pieces = await engine.pieces();
    const bytes = await Promise.all(
      pieces.map(async (name) => {
        const piece = await fetched(`data/${name}`, (more) => {
          arrived += more;
          seen(Math.min(0.99, arrived / BYTES));
        });
        return [name, piece] as const;
      }),
    );
    for (const [name, piece] of bytes) await engine.addData(name, piece);
    loaded = true;
    seen(1);
  })();
  data.catch(() => (data = null));
  return data;
}
