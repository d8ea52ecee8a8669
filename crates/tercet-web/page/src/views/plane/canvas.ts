// The plane as a picture: decision regions as colours, with the points on top.

import { h } from "../../dom";
import type { Point } from "../../protocol";
import { color, cssColor } from "../../theme";

/** The plane goes from −SIDE to SIDE, as in plane.rs. */
const SIDE = 1.2;

/** The classifier is evaluated on a grid of CELLS × CELLS points. */
export const CELLS = 80;

/** How far an arrow key moves the cross. */
const STEP = 0.05;

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, STEP],
  ArrowDown: [0, -STEP],
};

/** The canvas. Its label is set from outside. */
export class PlaneCanvas {
  /** Whether points can be placed. */
  isEditable = false;

  private cross: [number, number] | null = null;
  private painted: { cells: number[] | null; points: Point[] } = { cells: null, points: [] };

  readonly element = h("canvas", {
    class: "plane-canvas",
    width: 640,
    height: 640,
    role: "img",
    tabIndex: 0,
    "aria-label": "The plane",
  });

  /** `onPress` is called with the coordinates of a click. */
  constructor(onPress: (x: number, y: number, shift: boolean) => void) {
    this.element.addEventListener("click", (event) => {
      const box = this.element.getBoundingClientRect();
      const coordinate = (share: number) => Math.round((2 * share - 1) * SIDE * 100) / 100;
      const x = coordinate((event.clientX - box.left) / box.width);
      const y = -coordinate((event.clientY - box.top) / box.height);
      onPress(x, y, event.shiftKey);
    });
    this.element.addEventListener("keydown", (event) => this.pressKey(event, onPress));
    this.element.addEventListener("blur", () => this.moveCross(null));
  }

  /** The arrow keys move a cross; space places a point there, with Shift one of the second class. */
  private pressKey(event: KeyboardEvent, onPress: (x: number, y: number, shift: boolean) => void): void {
    const arrow = ARROWS[event.key];
    if (!this.isEditable || !(arrow || event.key === " ")) return;
    event.preventDefault();
    const [x, y] = this.cross ?? [0, 0];
    if (arrow) this.moveCross([inside(x + arrow[0]), inside(y + arrow[1])]);
    else onPress(x, y, event.shiftKey);
  }

  private moveCross(cross: [number, number] | null): void {
    this.cross = cross;
    this.paint(this.painted.cells, this.painted.points);
  }

  /** Paints the scores of the cells, if there are any, and the points. */
  paint(cells: number[] | null, points: Point[]): void {
    this.painted = { cells, points };
    const context = this.element.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, this.element.width, this.element.height);
    if (cells) this.paintCells(context, cells);
    for (const point of points) this.paintPoint(context, point);
    if (this.cross) this.paintCross(context, this.cross);
  }

  private paintCross(context: CanvasRenderingContext2D, [x, y]: [number, number]): void {
    const place = (value: number) => ((value / SIDE + 1) / 2) * this.element.width;
    context.strokeStyle = cssColor("--ink");
    context.lineWidth = 3;
    context.beginPath();
    context.moveTo(place(x) - 14, place(-y));
    context.lineTo(place(x) + 14, place(-y));
    context.moveTo(place(x), place(-y) - 14);
    context.lineTo(place(x), place(-y) + 14);
    context.stroke();
  }

  /** A cell has the colour of its class: positive scores are those of the second. */
  private paintCells(context: CanvasRenderingContext2D, cells: number[]): void {
    const zero = color("--raised");
    const [first, second] = [color("--class-a"), color("--class-b")];
    const image = new ImageData(CELLS, CELLS);
    cells.forEach((score, i) => {
      const [r, g, b] = score > 0 ? second : first;
      // The colour jumps at the boundary, so that it is visible, and varies smoothly away from it.
      const share = 0.18 + 0.42 * Math.min(1, Math.abs(score));
      const mixed = [r - zero[0], g - zero[1], b - zero[2]].map((way, c) => (zero[c] ?? 0) + way * share);
      image.data.set([...mixed, 255], 4 * i);
    });
    const small = document.createElement("canvas");
    small.width = small.height = CELLS;
    small.getContext("2d")?.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(small, 0, 0, this.element.width, this.element.height);
  }

  /** Squares are the first class, circles the second. */
  private paintPoint(context: CanvasRenderingContext2D, [x, y, label]: Point): void {
    const place = (value: number) => ((value / SIDE + 1) / 2) * this.element.width;
    context.beginPath();
    if (label === 1) context.arc(place(x), place(-y), 7, 0, 2 * Math.PI);
    else context.rect(place(x) - 6, place(-y) - 6, 12, 12);
    context.fillStyle = `rgb(${color(label === 1 ? "--class-b" : "--class-a").join(" ")})`;
    context.fill();
    context.lineWidth = 2;
    context.strokeStyle = `rgb(${color("--raised").join(" ")})`;
    context.stroke();
  }
}

/** A coordinate inside the plane, in hundredths. */
const inside = (value: number): number => Math.round(Math.min(1.15, Math.max(-1.15, value)) * 100) / 100;
