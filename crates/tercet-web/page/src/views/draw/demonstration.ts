// A digit that draws itself, stroke by stroke, while the models classify it.

import { mayAnimate } from "../../theme";
import type { Stroke } from "./strokes";

/** The speed of the pen, in units of the pad per millisecond. */
const SPEED = 0.55;

/** The drawing of an example. */
export class Demonstration {
  /** Whether the example is still being drawn. */
  isRunning = false;
  /** Whether it is the one that the page began with. */
  isFirst = false;

  private readonly onDraw: (strokes: Stroke[]) => void;
  private strokes: Stroke[] = [];
  private began = 0;
  private frame = 0;

  /** `onDraw` is called with the strokes so far. */
  constructor(onDraw: (strokes: Stroke[]) => void) {
    this.onDraw = onDraw;
  }

  /** Draws an example; without animations, at once. */
  start(strokes: Stroke[], isFirst = false): void {
    this.isFirst = isFirst;
    cancelAnimationFrame(this.frame);
    this.strokes = strokes;
    this.began = performance.now();
    this.isRunning = true;
    if (mayAnimate()) this.advance();
    else this.finish();
  }

  /** Draws the rest at once. */
  finish(): void {
    if (!this.isRunning) return;
    this.stop();
    this.onDraw(structuredClone(this.strokes));
  }

  /** Stops where it is. */
  stop(): void {
    cancelAnimationFrame(this.frame);
    this.isRunning = false;
  }

  private advance(): void {
    const length = (performance.now() - this.began) * SPEED;
    const drawn = partOf(this.strokes, length);
    if (!drawn) {
      this.finish();
      return;
    }
    this.onDraw(drawn);
    this.frame = requestAnimationFrame(() => this.advance());
  }
}

/** The strokes up to a length, or null if they are shorter. */
function partOf(strokes: Stroke[], length: number): Stroke[] | null {
  let left = length;
  const part: Stroke[] = [];
  for (const { width, points } of strokes) {
    const own: Stroke = { width, points: points.slice(0, 2) };
    part.push(own);
    for (let i = 2; i < points.length; i += 2) {
      const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = points.slice(i - 2, i + 2);
      const way = Math.hypot(x1 - x0, y1 - y0);
      if (way > left) {
        own.points.push(Math.round(x0 + ((x1 - x0) * left) / way), Math.round(y0 + ((y1 - y0) * left) / way));
        return part;
      }
      own.points.push(x1, y1);
      left -= way;
    }
  }
  return null;
}
