// The models of the Draw view: the shipped ones and those that the visitor adds.

import { engine } from "./engine";
import { fetchBytes, gunzip } from "./fetch";
import { loadMnist, type Progress } from "./mnist";
import type { About } from "./protocol";
import {
  type Filters,
  firstFilters,
  type StoredImages,
  storedImages,
  type TwoLayers,
  twoLayers,
} from "./weights";

/** A model before it is loaded. */
export interface Announced {
  /** Its name in the engine. */
  name: string;
  title: string;
  /** The variable of its colour in the style sheet. */
  color: string;
}

/** A model that the engine has loaded. */
export interface Model extends Announced {
  about: About;
  /** Whether the visitor added it, and can remove it. */
  added: boolean;
  /** Its weights, if it is a network that is small enough to be drawn. */
  network: TwoLayers | null;
  /** The filters that it begins with, if it is convolutional. */
  filters: Filters | null;
}

/** The models that come with the page. */
export const SHIPPED: readonly Announced[] = [
  { name: "sample", title: "Nearest neighbours", color: "--neighbors" },
  { name: "linear", title: "Linear classifier", color: "--linear" },
  { name: "network", title: "Neural network", color: "--network" },
  { name: "convolution", title: "Convolutional network", color: "--convolution" },
];

/** The colours of added models, in turn. */
const COLORS = ["--mine", "--mine-2", "--mine-3"];

let shipped: Promise<Model[]> | null = null;
let added: Model[] = [];
let images: StoredImages | null = null;
/** Names in the engine by what was added: a training run replaces its earlier weights. */
const names = new Map<string, string>();

/** The shipped models, which are loaded once, followed by those that the visitor added. */
export async function models(): Promise<Model[]> {
  shipped ??= Promise.all(SHIPPED.map(loadShipped)).catch((error: unknown) => {
    shipped = null;
    throw error;
  });
  return [...(await shipped), ...added];
}

/** The images that the shipped nearest neighbours have stored, once they are loaded. */
export const shippedImages = (): StoredImages | null => images;

/** Adds a model from a file that the program wrote. */
export async function addFile(file: File): Promise<void> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  await addModel(`file ${file.name} ${file.size} ${file.lastModified}`, file.name, file.name, bytes);
}

/** Adds a model that was trained in the page. One that was added for the same run is replaced. */
export async function addRun(run: number, title: string, bytes: Uint8Array): Promise<void> {
  await addModel(`run ${run}`, title, "trained.safetensors", bytes);
}

/** Adds nearest neighbours among all 60,000 training images, for which MNIST is loaded. */
export async function addAllNeighbors(progress: Progress): Promise<void> {
  await loadMnist(progress);
  progress("Storing 60,000 images …");
  const about = await engine.addNeighbors("all", 3);
  const title = "Nearest neighbours, 60,000 images";
  put({ name: "all", title, color: "--neighbors", about, added: true, network: null, filters: null });
}

/** Removes a model that the visitor added. */
export async function removeModel(name: string): Promise<void> {
  await engine.removeModel(name);
  added = added.filter((model) => model.name !== name);
  for (const [what, own] of names) if (own === name) names.delete(what);
}

async function addModel(what: string, title: string, file: string, bytes: Uint8Array): Promise<void> {
  const name = names.get(what) ?? freeName();
  const about = await engine.addModel(name, file, bytes);
  names.set(what, name);
  const color = COLORS[(Number(name.split("-")[1] ?? 1) - 1) % COLORS.length] ?? "--mine";
  put({ name, title, color, about, added: true, network: twoLayers(bytes), filters: firstFilters(bytes) });
}

/** `mine`, `mine-2`, …: the first name that no model has. */
function freeName(): string {
  const taken = new Set(added.map((model) => model.name));
  for (let number = 1; ; number++) {
    const name = number === 1 ? "mine" : `mine-${number}`;
    if (!taken.has(name)) return name;
  }
}

async function loadShipped(model: Announced): Promise<Model> {
  const file = `models/${model.name}.safetensors.gz`;
  const bytes = await gunzip(await fetchBytes(file));
  const about = await engine.addModel(model.name, file, bytes);
  images ??= storedImages(bytes);
  return { ...model, about, added: false, network: twoLayers(bytes), filters: firstFilters(bytes) };
}

/** Adds a model, or replaces the one with the same name. */
function put(model: Model): void {
  const at = added.findIndex((one) => one.name === model.name);
  if (at < 0) added.push(model);
  else added[at] = model;
}
