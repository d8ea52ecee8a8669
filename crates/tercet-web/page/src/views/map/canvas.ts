// The map: a figure for every stored image, and the drawing with lines to its nearest neighbours.

import { h } from "../../dom";
import { cssColor } from "../../theme";

/** A figure at a place of the map. */
export interface Mark {
  x: number;
  y: number;
  label: string;
  class: number;
}

/** In a canvas that is shown narrower than this, figures are enlarged. */
const LEGIBLE = 620;

const SIZE = { width: 1200, height: 840, rim: 40 };

/** The canvas. */
export class MapCanvas {
  readonly element = h("canvas", {
    class: "map-canvas",
    width: SIZE.width,
    height: SIZE.height,
    role: "img",
    "aria-label": "The map",
  });

  private marks: Mark[] = [];
  private bounds = { left: 0, right: 1, top: 0, bottom: 1 };

  /** `onPoint` is called with the index of the mark that is nearest to the pointer. */
  constructor(onPoint: (index: number) => void) {
    this.element.addEventListener("pointermove", (event) => {
      const box = this.element.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * SIZE.width;
      const y = ((event.clientY - box.top) / box.height) * SIZE.height;
      const distances = this.marks.map((mark) => Math.hypot(...sub(this.place(mark), [x, y])));
      const least = Math.min(...distances);
      if (least < 30) onPoint(distances.indexOf(least));
    });
  }

  setMarks(marks: Mark[]): void {
    this.marks = marks;
    const [xs, ys] = [marks.map(({ x }) => x), marks.map(({ y }) => y)];
    this.bounds = {
      left: Math.min(...xs),
      right: Math.max(...xs),
      top: Math.min(...ys),
      bottom: Math.max(...ys),
    };
  }

  /** Paints the marks; the drawing with lines to its neighbours; and a ring around a mark. */
  paint(drawing: { x: number; y: number } | null, neighbors: number[], ringed: number): void {
    const context = this.element.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, SIZE.width, SIZE.height);
    // On a narrow screen, the figures have to be larger in a canvas of the same size.
    const scale = Math.max(1, LEGIBLE / Math.max(1, this.element.clientWidth));
    context.font = `600 ${15 * scale}px system-ui, sans-serif`;
    context.globalAlpha = 0.75;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (const mark of this.marks) {
      context.fillStyle = cssColor(`--digit-${mark.class % 10}`);
      context.fillText(mark.label, ...this.place(mark));
    }
    context.globalAlpha = 1;
    if (drawing) this.paintDrawing(context, drawing, neighbors, scale);
    const mark = this.marks[ringed];
    if (mark) ring(context, this.place(mark), 15 * scale, cssColor("--ink"));
  }

  private paintDrawing(
    context: CanvasRenderingContext2D,
    drawing: { x: number; y: number },
    neighbors: number[],
    scale: number,
  ): void {
    const own = this.place(drawing);
    context.strokeStyle = cssColor("--ink");
    context.lineWidth = 2;
    for (const index of neighbors) {
      const mark = this.marks[index];
      if (!mark) continue;
      context.beginPath();
      context.moveTo(...own);
      context.lineTo(...this.place(mark));
      context.stroke();
      ring(context, this.place(mark), 13 * scale, cssColor("--neighbors"));
    }
    context.beginPath();
    context.arc(...own, 16 * scale, 0, 2 * Math.PI);
    context.fillStyle = cssColor("--ink");
    context.fill();
    context.fillStyle = cssColor("--paper");
    context.fillText("you", ...own);
  }

  private place({ x, y }: { x: number; y: number }): [number, number] {
    const { left, right, top, bottom } = this.bounds;
    const { width, height, rim } = SIZE;
    const across = rim + ((x - left) / (right - left || 1)) * (width - 2 * rim);
    return [across, rim + ((y - top) / (bottom - top || 1)) * (height - 2 * rim)];
  }
}

const sub = (a: [number, number], b: [number, number]): [number, number] => [a[0] - b[0], a[1] - b[1]];

function ring(context: CanvasRenderingContext2D, at: [number, number], radius: number, color: string): void {
  context.beginPath();
  context.arc(...at, radius, 0, 2 * Math.PI);
  context.strokeStyle = color;
  context.lineWidth = 3;
  context.stroke();
}
