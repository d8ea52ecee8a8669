// Small pictures: grey ones, and signed numbers as two colours.

import { h } from "../dom";
import type { Pixels } from "../protocol";
import { color } from "../theme";

/** A picture of a row. */
export interface RowPicture {
  label: string;
  /** The caption. */
  words: (Node | string)[];
  data?: Record<string, string>;
  paint: (canvas: HTMLCanvasElement) => void;
}

/** A row of pictures. Its canvases are reused, because creating new ones for each prediction is slow. */
export function pictureRow(list: HTMLElement): (pictures: RowPicture[]) => void {
  const made: { item: HTMLElement; canvas: HTMLCanvasElement }[] = [];
  const at = (i: number) => {
    const found = made[i];
    if (found) return found;
    const canvas = picture("");
    const fresh = { item: h("li", {}), canvas };
    made.push(fresh);
    return fresh;
  };
  return (pictures) => {
    const items = pictures.map(({ label, words, data, paint }, i) => {
      const { item, canvas } = at(i);
      canvas.setAttribute("aria-label", label);
      item.replaceChildren(canvas, ...words);
      Object.assign(item.dataset, data);
      paint(canvas);
      return item;
    });
    list.replaceChildren(...items);
  };
}

/** A canvas for a picture, with a description for screen readers. */
export function picture(label: string, kind = ""): HTMLCanvasElement {
  return h("canvas", { class: `picture ${kind}`, role: "img", "aria-label": label, width: 1, height: 1 });
}

/** Light ink on dark paper, as in MNIST: 0 is paper. */
export function paintGrey(canvas: HTMLCanvasElement, pixels: Pixels): void {
  const [zero, above] = [color("--paper-picture"), color("--ink-picture")];
  paint(canvas, image(pixels), { zero, above, below: zero, most: 255 });
}

/** An unmodified picture, in greys from black to white. */
export function paintPlain(canvas: HTMLCanvasElement, pixels: Pixels): void {
  paint(canvas, image(pixels), { zero: [0, 0, 0], above: [255, 255, 255], below: [0, 0, 0], most: 255 });
}

/** Activations: nothing at 0, a colour of the style sheet at `most`; grey below 0. */
export function paintActivations(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  width: number,
  height: number,
  most: number,
  own: string,
): void {
  const colors = { zero: color("--zero-activation"), above: color(own), below: color("--axis"), most };
  paint(canvas, { values, width, height }, colors);
}

/** Signed numbers: one colour below zero, another above it, both at full strength at `most`. */
export function paintSigned(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  width: number,
  height: number,
  most = largest(values),
): void {
  const colors = { zero: color("--zero"), above: color("--positive"), below: color("--negative"), most };
  paint(canvas, { values, width, height }, colors);
}

/** The largest absolute value. */
export function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i] ?? 0));
  return most;
}

interface Image {
  values: ArrayLike<number>;
  width: number;
  height: number;
}

type Color = [number, number, number];

/** A colour at 0, one at `most` and one at −`most`, with mixtures between them. */
interface Colors {
  zero: Color;
  above: Color;
  below: Color;
  most: number;
}

/** The pixels of a picture of the engine. */
function image({ pixels, width, height }: Pixels): Image {
  const text = atob(pixels);
  // A plain loop: one call per pixel takes longer than all models together.
  const values = new Uint8Array(text.length);
  for (let i = 0; i < values.length; i++) values[i] = text.charCodeAt(i);
  return { values, width, height };
}

function paint(canvas: HTMLCanvasElement, { values, width, height }: Image, colors: Colors): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return;
  const { zero, above, below, most } = colors;
  const image = context.createImageData(width, height);
  const { data } = image;
  const scale = most > 0 ? 1 / most : 0;
  for (let i = 0; i < width * height; i++) {
    const value = (values[i] ?? 0) * scale;
    const towards = value > 0 ? above : below;
    const share = Math.min(1, Math.abs(value));
    data[4 * i] = zero[0] + (towards[0] - zero[0]) * share;
    data[4 * i + 1] = zero[1] + (towards[1] - zero[1]) * share;
    data[4 * i + 2] = zero[2] + (towards[2] - zero[2]) * share;
    data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
