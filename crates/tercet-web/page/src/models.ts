// The models of the Draw view: the shipped ones and those that the visitor adds.

import { engine } from "./engine";
import { fetchBytes, gunzip } from "./fetch";
import { loadMnist, type Progress } from "./mnist";
import type { About } from "./protocol";

/** A model that the engine has loaded. */
export interface Model {
  /** Its name in the engine. */
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

let shipped: Promise<Model[]> | null = null;
const added: Model[] = [];

/** The shipped models, which are loaded once, followed by those that the visitor added. */
export async function models(): Promise<Model[]> {
  shipped ??= Promise.all(SHIPPED.map(loadShipped));
  shipped.catch(() => {
    shipped = null;
  });
  return [...(await shipped), ...added];
}

/** Adds a model from a file that the program wrote. */
export async function addFile(file: File): Promise<void> {
  const about = await engine.addModel("mine", file.name, new Uint8Array(await file.arrayBuffer()));
  add({ name: "mine", title: file.name, color: "--mine", about });
}

/** Adds the network that is being trained, with its current weights. */
export async function addTrained(): Promise<void> {
  const about = await engine.addTrained("mine");
  add({ name: "mine", title: "Trained here", color: "--mine", about });
}

/** Adds nearest neighbours among all 60,000 training images, for which MNIST is loaded. */
export async function addAllNeighbors(progress: Progress): Promise<void> {
  await loadMnist(progress);
  const about = await engine.addNeighbors("all", 3);
  add({ name: "all", title: "Nearest neighbours, 60,000 images", color: "--neighbors", about });
}

async function loadShipped(model: (typeof SHIPPED)[number]): Promise<Model> {
  const file = `models/${model.name}.safetensors.gz`;
  const about = await engine.addModel(model.name, file, await gunzip(await fetchBytes(file)));
  return { ...model, about };
}

/** Adds a model, or replaces the one with the same name. */
function add(model: Model): void {
  const at = added.findIndex((one) => one.name === model.name);
  if (at < 0) added.push(model);
  else added[at] = model;
}
