// Tensors of model files, for pictures of what the engine does not return: weights, and stored images.
//
// A model file is safetensors: the length of a JSON header in 8 bytes, the header, and the tensors.

/** A network of two dense layers on greyscale images, with its weights row by row. */
export interface TwoLayers {
  inputs: number;
  hidden: number;
  classes: number;
  /** (inputs, hidden) */
  w1: Float32Array;
  b1: Float32Array;
  /** (hidden, classes) */
  w2: Float32Array;
  b2: Float32Array;
  /** Whether the activation is a ReLU: then the network is linear around every picture. */
  isRelu: boolean;
  /** What pixels are divided by before the first layer. */
  divisor: number;
}

/** The filters of a first convolutional layer with one input channel. */
export interface Filters {
  /** The weights of each filter, row by row. */
  kernels: number[][];
  biases: number[];
  stride: number;
  padding: number;
}

/** The images that nearest neighbours have stored, with the indices of their classes. */
export interface StoredImages {
  /** (count, pixels), values from 0 to 255 */
  rows: Uint8Array;
  labels: Uint32Array;
  pixels: number;
}

/** Networks with more hidden units are not drawn. */
const MOST_HIDDEN = 48;

interface Tensor {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}
interface LayerDescription {
  layer: string;
  channels?: number;
  stride?: number;
  padding?: number;
}
interface Description {
  kind?: string;
  architecture?: LayerDescription[];
  preprocessing?: { steps?: { step: string; divisor?: number }[] };
}

/** The header and the data of a model file. */
class ModelFile {
  readonly description: Description;
  private readonly tensors: Record<string, Tensor | undefined>;
  private readonly data: Uint8Array;

  constructor(bytes: Uint8Array) {
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    this.description = JSON.parse(header.__metadata__?.tercet ?? "{}") as Description;
    this.tensors = header as Record<string, Tensor | undefined>;
    this.data = bytes.subarray(8 + length);
  }

  /** A copy of the bytes of a tensor of a type and a number of dimensions. */
  tensor(name: string, dtype: string, dimensions: number): { shape: number[]; buffer: ArrayBuffer } {
    const found = this.tensors[name];
    if (found?.dtype !== dtype || found.shape.length !== dimensions) throw new Error(`no tensor ${name}`);
    const bytes = new Uint8Array(this.data.subarray(...found.data_offsets));
    return { shape: found.shape, buffer: bytes.buffer };
  }
}

/** The weights of a network that can be drawn: dense, an activation, dense; null for other models. */
export function twoLayers(bytes: Uint8Array): TwoLayers | null {
  try {
    const file = new ModelFile(bytes);
    const layers = file.description.architecture?.map(({ layer }) => layer) ?? [];
    const isDrawable = layers.length === 3 && layers[0] === "dense" && layers[2] === "dense";
    const last = file.description.preprocessing?.steps?.at(-1);
    if (!isDrawable || last?.step !== "scale" || !last.divisor) return null;
    const [w1, w2] = [file.tensor("w1", "F32", 2), file.tensor("w2", "F32", 2)];
    const [b1, b2] = [file.tensor("b1", "F32", 1), file.tensor("b2", "F32", 1)];
    const [inputs = 0, hidden = 0] = w1.shape;
    if (hidden > MOST_HIDDEN) return null;
    const floats = ({ buffer }: { buffer: ArrayBuffer }) => new Float32Array(buffer);
    const sizes = { inputs, hidden, classes: w2.shape[1] ?? 0, divisor: last.divisor };
    const weights = { w1: floats(w1), b1: floats(b1), w2: floats(w2), b2: floats(b2) };
    return { ...sizes, ...weights, isRelu: layers[1] === "relu" };
  } catch {
    return null;
  }
}

/** The filters that a network begins with, if the Convolution view can show them; null for other models. */
export function firstFilters(bytes: Uint8Array): Filters | null {
  try {
    const file = new ModelFile(bytes);
    const first = file.description.architecture?.[0];
    if (first?.layer !== "conv2d" || first.channels !== 1) return null;
    const { shape, buffer } = file.tensor("w1", "F32", 2);
    const [pixels = 0, count = 0] = shape;
    if (![9, 25, 49].includes(pixels)) return null;
    const w = new Float32Array(buffer);
    const kernel = (filter: number) => Array.from({ length: pixels }, (_, p) => w[p * count + filter] ?? 0);
    return {
      kernels: Array.from({ length: count }, (_, filter) => kernel(filter)),
      biases: [...new Float32Array(file.tensor("b1", "F32", 1).buffer)],
      stride: first.stride ?? 1,
      padding: first.padding ?? 0,
    };
  } catch {
    return null;
  }
}

/** The images that a file of nearest neighbours contains, or null. */
export function storedImages(bytes: Uint8Array): StoredImages | null {
  try {
    const file = new ModelFile(bytes);
    const rows = file.tensor("rows", "U8", 2);
    const labels = new Uint32Array(file.tensor("labels", "U32", 1).buffer);
    return { rows: new Uint8Array(rows.buffer), labels, pixels: rows.shape[1] ?? 0 };
  } catch {
    return null;
  }
}

/**
 * The template of a class, and its bias, while the same hidden units are active. With ReLU, the network is
 * linear then: W = W1 · diag(active) · W2, and b = (b1 ⊙ active) · W2 + b2.
 */
export function templateOf(
  network: TwoLayers,
  active: boolean[],
  index: number,
): { w: Float32Array; b: number } {
  const { inputs, hidden, classes, w1, b1, w2, b2 } = network;
  const w = new Float32Array(inputs);
  let b = b2[index] ?? 0;
  for (let unit = 0; unit < hidden; unit++) {
    const weight = active[unit] ? (w2[unit * classes + index] ?? 0) : 0;
    if (weight === 0) continue;
    b += weight * (b1[unit] ?? 0);
    for (let p = 0; p < inputs; p++) w[p] = (w[p] ?? 0) + weight * (w1[p * hidden + unit] ?? 0);
  }
  return { w, b };
}

/** The images that excite a hidden unit most: their indices and the unit's w·x + b, the largest first. */
export function mostExciting(
  network: TwoLayers,
  unit: number,
  images: StoredImages,
  count: number,
): [number, number][] {
  if (images.pixels !== network.inputs) return [];
  const weights = Float32Array.from(
    { length: network.inputs },
    (_, p) => network.w1[p * network.hidden + unit] ?? 0,
  );
  const sums = Array.from(images.labels, (_, image): [number, number] => {
    let sum = 0;
    const first = image * images.pixels;
    for (let p = 0; p < weights.length; p++) sum += (weights[p] ?? 0) * (images.rows[first + p] ?? 0);
    return [image, sum / network.divisor + (network.b1[unit] ?? 0)];
  });
  return sums.sort((a, b) => b[1] - a[1]).slice(0, count);
}
