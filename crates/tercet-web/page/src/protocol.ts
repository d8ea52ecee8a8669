// The requests and answers of the engine: the JSON of crates/tercet-web/src as TypeScript types.

/** A call of one of the engine's methods. */
export interface Request {
  id: number;
  method: string;
  args: unknown[];
}

/** Its result or error. After a crash, no further request can succeed. */
export type Answer = { id: number; value: unknown } | { id: number; error: string; crashed: boolean };

/** draw.rs */
export interface Pixels {
  width: number;
  height: number;
  /** base64 */
  pixels: string;
}
export interface Neighbor {
  index: number;
  label: number;
  distance: number;
  vote: number;
  picture: Pixels;
}
export interface Hidden {
  name: string;
  /** Rows and columns, of images. */
  image: [number, number] | null;
  channels: number;
  values: number[];
}
export interface Products {
  class: number;
  template: number[];
  products: number[];
  bias: number;
}
export interface Prediction {
  prepared: Pixels;
  scores: number[];
  class: number;
  /** Of a network that was trained with cross-entropy. */
  probabilities: number[] | null;
  neighbors: Neighbor[] | null;
  votes: number[] | null;
  hidden: Hidden[];
  products: Products | null;
}
export interface Verdict {
  distances: Distances;
  is_digit: boolean;
}
export interface Predictions {
  /** Of the first model's preprocessing; `step` is the name of a StageName. */
  stages: { step: string; picture: Pixels }[];
  models: [string, Prediction][];
  verdict: Verdict | null;
}

/** verdict.rs */
export interface Distances {
  seen: number;
  pixels: number;
}
export interface Thresholds {
  most: Distances;
  accepted: number;
  digits: number;
  rejected: [string, number][];
}

/** models.rs */
export interface About {
  kind: "neighbors" | "linear" | "network";
  words: string;
  classes: string[];
  size: number;
  metrics: [string, number][];
}

/** training.rs */
export interface Setup {
  layers: string;
  init: "he" | { normal: number };
  seed: number;
  examples: number;
  validation: number;
  settings: Settings;
}
export interface Settings {
  loss: { svm: { margin: number } } | "softmax";
  reg: number;
  batch: number;
  length: { iterations: number } | { epochs: number };
  learning_rate: number;
  schedule?: unknown;
  optimizer?: unknown;
  validate_every?: number;
  dropout?: number;
}
export interface Validation {
  step: number;
  train_loss: number;
  validation_loss: number;
  validation_accuracy: number;
}
export interface Stats {
  step: number;
  accuracy: number;
  /** Inputs, outputs, update-to-weight ratio, fraction of dead units. */
  layers: [number, number, number, number | null][];
}
export interface Report {
  step: number;
  total: number;
  losses: number[];
  validations: Validation[];
  learning_rate: number;
  stats: Stats | null;
  done: boolean;
}
export interface Templates {
  width: number;
  height: number;
  images: number[][];
}
export interface Histogram {
  name: string;
  range: [number, number];
  counts: number[];
  zeros: number;
}

/** plane.rs */
export type Point = [number, number, number];
export interface Scene {
  points: string;
  count: number;
  noise: number;
  seed: number;
  mine: Point[];
  model: string;
  k: number;
  setup: Setup;
}
export interface PlaneView {
  cells: number[];
  step: number;
  loss: number | null;
  accuracy: number;
  done: boolean;
}

/** expression.rs */
export type Subject =
  | { expression: { text: string; values: string } }
  | { network: { inputs: number; hidden: number; classes: number; seed: number; loss: string } };
export interface GraphNode {
  name: string;
  kind: string;
  formula: string;
  operands: number[];
  shape: [number, number];
  value: string;
  gradient: string | null;
  difference: string | null;
  verdict: "agrees" | "corner" | "differs" | null;
}
export interface GraphStep {
  backward: boolean;
  node: number;
  by: number | null;
  derivative: string | null;
  words: string;
  gradient: string | null;
}
export interface Computed {
  nodes: GraphNode[];
  steps: GraphStep[];
  root: number;
}

/** convolution.rs */
export interface Filtering {
  width: number;
  height: number;
  pixels: string;
  side: number;
  kernel: number[];
  bias: number;
  stride: number;
  padding: number;
  relu: boolean;
  pool: number;
  mean: boolean;
}
export interface ValueMap {
  width: number;
  height: number;
  values: number[];
}
export interface Filtered {
  map: ValueMap;
  pooled: ValueMap | null;
  input: number[];
}

/** exercise.rs */
export interface Numbers {
  x: number[];
  w1: number[][];
  b1: number[];
  w2: number[][];
  b2: number[];
  label: number;
}
export interface Worked {
  z: number[];
  h: number[];
  scores: number[];
  class: number;
  products1: number[][];
  products2: number[][];
  losses: [number, number];
}
