// Small pictures: grey ones, and signed numbers as two colours.

import { h } from "../dom";
import type { Pixels } from "../protocol";
import { color } from "../theme";

/** The bytes of a picture of the engine. */
export function bytesOf(pixels: Pixels): Uint8Array {
  const text = atob(pixels.pixels);
  // A plain loop: a call for each of 78,400 pixels is longer than all that the models compute.
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * A row of pictures with words below them, whose canvases serve again: making new ones for every reading
 * takes long.
 */
export function row(list: HTMLElement): (
  pictures: {
    label: string;
    words: (Node | string)[];
    data?: Record<string, string>;
    paint: (canvas: HTMLCanvasElement) => void;
  }[],
) => void {
  const made: { item: HTMLElement; image: HTMLCanvasElement }[] = [];
  return (pictures) => {
    while (made.length < pictures.length) {
      const image = picture("");
      made.push({ item: h("li", {}, image), image });
    }
    list.replaceChildren(
      ...pictures.map(({ label, words, data, paint }, i) => {
        const { item, image } = made[i] as { item: HTMLElement; image: HTMLCanvasElement };
        image.setAttribute("aria-label", label);
        item.replaceChildren(image, ...words);
        Object.assign(item.dataset, data);
        paint(image);
        return item;
      }),
    );
  };
}

/** A canvas for pictures, described for those who do not see it. */
export function picture(label: string, kind = ""): HTMLCanvasElement {
  return h("canvas", { class: `picture ${kind}`, role: "img", "aria-label": label, width: 1, height: 1 });
}

type Color = [number, number, number];

/** Paints numbers: from the first colour at 0 towards `above` at 1, and towards `below` at −1. */
function put(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  width: number,
  height: number,
  most: number,
  zero: Color,
  above: Color,
  below: Color,
): void {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return;
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

/** Light ink on dark paper, as MNIST has it: 0 is paper. */
export function paintGrey(canvas: HTMLCanvasElement, pixels: Pixels): void {
  const [paper, ink] = [color("--paper-picture"), color("--ink-picture")];
  put(canvas, bytesOf(pixels), pixels.width, pixels.height, 255, paper, ink, paper);
}

/** A picture as it was before inversion: dark ink on light paper or the other way, in greys. */
export function paintPlain(canvas: HTMLCanvasElement, pixels: Pixels): void {
  put(canvas, bytesOf(pixels), pixels.width, pixels.height, 255, [0, 0, 0], [255, 255, 255], [0, 0, 0]);
}

/** Activations: nothing at 0, a colour of the style sheet at `most`; what is below 0 is greyer. */
export function paintActivations(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  width: number,
  height: number,
  most: number,
  own: string,
): void {
  put(canvas, values, width, height, most, color("--zero-activation"), color(own), color("--axis"));
}

/** Signed numbers: below zero one colour, above it another, `most` at full strength. */
export function paintSigned(
  canvas: HTMLCanvasElement,
  values: ArrayLike<number>,
  width: number,
  height: number,
  most = largest(values),
): void {
  put(canvas, values, width, height, most, color("--zero"), color("--positive"), color("--negative"));
}

/** The largest size among numbers. */
export function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i] ?? 0));
  return most;
}
