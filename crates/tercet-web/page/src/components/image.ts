// Small pictures: grey ones, and signed numbers as two colours.

import type { Pixels } from "../protocol";
import { h } from "../dom";
import { color } from "../theme";

/** The bytes of a picture of the engine. */
export function bytesOf(pixels: Pixels): Uint8Array {
  const text = atob(pixels.pixels);
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

/** A canvas for pictures, described for those who do not see it. */
export function picture(label: string, kind = ""): HTMLCanvasElement {
  return h("canvas", { class: `picture ${kind}`, role: "img", "aria-label": label, width: 1, height: 1 });
}

function put(canvas: HTMLCanvasElement, width: number, height: number, at: (i: number) => [number, number, number]): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const [r, g, b] = at(i);
    image.data[4 * i] = r;
    image.data[4 * i + 1] = g;
    image.data[4 * i + 2] = b;
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** Light ink on dark paper, as MNIST has it, in the colours of the page: 0 is paper. */
export function paintGrey(canvas: HTMLCanvasElement, pixels: Pixels): void {
  const bytes = bytesOf(pixels);
  paintShares(canvas, Array.from(bytes, (v) => v / 255), pixels.width, pixels.height);
}

/** Numbers from 0 to 1 between the colours of paper and ink, or of nothing and another colour. */
export function paintShares(canvas: HTMLCanvasElement, values: ArrayLike<number>, width: number, height: number, to = "--ink-picture"): void {
  const paper = color(to === "--ink-picture" ? "--paper-picture" : "--zero-activation");
  const ink = color(to);
  put(canvas, width, height, (i) => mix(paper, ink, Math.min(1, Math.max(0, values[i] ?? 0))));
}

/** A picture as it was before inversion: dark ink on light paper or the other way, in greys. */
export function paintPlain(canvas: HTMLCanvasElement, pixels: Pixels): void {
  const bytes = bytesOf(pixels);
  put(canvas, pixels.width, pixels.height, (i) => [bytes[i] ?? 0, bytes[i] ?? 0, bytes[i] ?? 0]);
}

/** Signed numbers: below zero one colour, above it another, `most` at full strength. */
export function paintSigned(canvas: HTMLCanvasElement, values: ArrayLike<number>, width: number, height: number, most?: number): void {
  const zero = color("--zero");
  const above = color("--positive");
  const below = color("--negative");
  const scale = most ?? largest(values);
  put(canvas, width, height, (i) => {
    const v = (values[i] ?? 0) / (scale || 1);
    return mix(zero, v > 0 ? above : below, Math.min(1, Math.abs(v)));
  });
}

/** The largest size among numbers. */
export function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i] ?? 0));
  return most;
}

function mix(a: [number, number, number], b: [number, number, number], share: number): [number, number, number] {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
}
