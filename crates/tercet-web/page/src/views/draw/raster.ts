// Strokes as pixels: the input of the engine.

import { paint, SIDE, type Stroke } from "./strokes";

/** A canvas off the page of SIDE × SIDE pixels, dark ink on white. */
export class Raster {
  private readonly canvas = document.createElement("canvas");
  private readonly context: CanvasRenderingContext2D;

  constructor() {
    this.canvas.width = this.canvas.height = SIDE;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("this browser has no canvas");
    this.context = context;
  }

  /** The pixels in grey, row by row. */
  grey(strokes: Stroke[]): Uint8Array {
    this.render(strokes);
    const rgba = this.context.getImageData(0, 0, SIDE, SIDE).data;
    const grey = new Uint8Array(SIDE * SIDE);
    for (let i = 0; i < grey.length; i++) grey[i] = rgba[4 * i] ?? 255;
    return grey;
  }

  /** The same as a PNG. */
  png(strokes: Stroke[]): Promise<Blob | null> {
    this.render(strokes);
    return new Promise((resolve) => this.canvas.toBlob(resolve));
  }

  private render(strokes: Stroke[]): void {
    this.context.fillStyle = "#fff";
    this.context.fillRect(0, 0, SIDE, SIDE);
    paint(this.context, strokes, 1, "#000");
  }
}
