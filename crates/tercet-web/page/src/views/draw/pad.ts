// The pad: a canvas for mouse, pen, touch and keys.

import { h } from "../../dom";
import { cssColor } from "../../theme";
import { paint, SIDE, type Stroke } from "./strokes";

/** Pixels of the canvas per unit, across and down. */
const RESOLUTION = 2;

/** Shorter steps than this are left out of a stroke. */
const SHORTEST_STEP = 3;

const ARROWS: Record<string, [number, number]> = {
  ArrowLeft: [-8, 0],
  ArrowRight: [8, 0],
  ArrowUp: [0, -8],
  ArrowDown: [0, 8],
};

const inside = (value: number): number => Math.min(SIDE, Math.max(0, value));

/** A pad of SIDE × SIDE units. */
export class Pad {
  readonly element: HTMLElement;
  strokes: Stroke[] = [];

  private readonly onChange: (ended: boolean) => void;
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private readonly hint = h("p", { class: "pad-hint", "aria-hidden": "true" }, "Draw a digit");
  /** A picture that is shown instead of strokes. */
  private picture: ImageBitmap | null = null;
  private penWidth = 20;
  /** The stroke that is being drawn. */
  private drawing: Stroke | null = null;
  /** The pen that the keys move. */
  private cursor: { x: number; y: number; down: boolean } | null = null;
  private frame = 0;
  private readonly repaint = () => {
    this.frame ||= requestAnimationFrame(() => this.paint());
  };

  /** `onChange` is called when the strokes change; `ended` is false while a stroke is being drawn. */
  constructor(onChange: (ended: boolean) => void) {
    this.onChange = onChange;
    this.canvas = h("canvas", {
      class: "pad",
      width: SIDE * RESOLUTION,
      height: SIDE * RESOLUTION,
      tabIndex: 0,
      role: "img",
      "aria-label":
        "Drawing pad. With the keyboard: arrow keys move the pen, space lowers and lifts it, " +
        "backspace undoes the last stroke.",
    });
    const context = this.canvas.getContext("2d");
    if (!context) throw new Error("this browser has no canvas");
    this.context = context;
    this.element = h("div", { class: "pad-frame" }, this.canvas, this.hint);
    this.listenToPointer();
    this.listenToKeys();
    document.addEventListener("themechange", this.repaint);
    this.repaint();
  }

  setStrokes(strokes: Stroke[]): void {
    this.strokes = strokes;
    this.picture = null;
    this.drawing = null;
    this.repaint();
  }

  /** Shows a picture instead of strokes. */
  setPicture(picture: ImageBitmap): void {
    this.picture = picture;
    this.strokes = [];
    this.repaint();
  }

  setPenWidth(width: number): void {
    this.penWidth = width;
    this.repaint();
  }

  undo(): void {
    if (this.drawing) return;
    this.strokes.pop();
    this.picture = null;
    this.repaint();
    this.onChange(true);
  }

  private listenToPointer(): void {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || this.drawing) return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      this.cursor = null;
      this.beginStroke(...this.position(event));
      this.repaint();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.drawing || !canvas.hasPointerCapture(event.pointerId)) return;
      const events = event.getCoalescedEvents?.() ?? [];
      for (const each of events.length ? events : [event]) this.addPoint(...this.position(each));
      this.repaint();
      this.onChange(false);
    });
    canvas.addEventListener("pointerup", () => this.endStroke());
    canvas.addEventListener("pointercancel", () => this.endStroke());
  }

  private listenToKeys(): void {
    this.canvas.addEventListener("keydown", (event) => {
      const arrow = ARROWS[event.key];
      const undo = event.key === "Backspace" || ((event.ctrlKey || event.metaKey) && event.key === "z");
      if (arrow) this.moveCursor(...arrow);
      else if (event.key === " ") this.toggleCursor();
      else if (undo) this.undo();
      else return;
      event.preventDefault();
      this.repaint();
    });
    this.canvas.addEventListener("blur", () => {
      if (this.cursor?.down) this.endStroke();
      this.cursor = null;
      this.repaint();
    });
  }

  private moveCursor(dx: number, dy: number): void {
    this.cursor ??= { x: SIDE / 2, y: SIDE / 4, down: false };
    this.cursor.x = inside(this.cursor.x + dx);
    this.cursor.y = inside(this.cursor.y + dy);
    if (!this.cursor.down) return;
    this.addPoint(this.cursor.x, this.cursor.y);
    this.onChange(false);
  }

  private toggleCursor(): void {
    this.cursor ??= { x: SIDE / 2, y: SIDE / 4, down: false };
    this.cursor.down = !this.cursor.down;
    if (this.cursor.down) this.beginStroke(this.cursor.x, this.cursor.y);
    else this.endStroke();
  }

  private beginStroke(x: number, y: number): void {
    this.picture = null;
    this.drawing = { width: this.penWidth, points: [] };
    this.strokes.push(this.drawing);
    this.addPoint(x, y);
    this.onChange(false);
  }

  private addPoint(x: number, y: number): void {
    if (!this.drawing) return;
    const [lastX, lastY] = this.drawing.points.slice(-2);
    const first = lastX === undefined || lastY === undefined;
    if (first || Math.hypot(x - lastX, y - lastY) >= SHORTEST_STEP) this.drawing.points.push(x, y);
  }

  private endStroke(): void {
    if (!this.drawing) return;
    this.drawing = null;
    this.onChange(true);
  }

  private position(event: PointerEvent): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    const coordinate = (share: number) => inside(Math.round(share * SIDE));
    const x = coordinate((event.clientX - box.left) / box.width);
    return [x, coordinate((event.clientY - box.top) / box.height)];
  }

  private paint(): void {
    this.frame = 0;
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.picture) this.paintPicture(this.picture);
    paint(this.context, this.strokes, RESOLUTION, cssColor("--ink"));
    if (this.cursor) this.paintCursor(this.cursor);
    this.hint.hidden = this.strokes.length > 0 || this.picture !== null;
  }

  private paintPicture(picture: ImageBitmap): void {
    const { width, height } = this.canvas;
    const scale = Math.min(width / picture.width, height / picture.height);
    const [w, t] = [picture.width * scale, picture.height * scale];
    this.context.drawImage(picture, (width - w) / 2, (height - t) / 2, w, t);
  }

  private paintCursor({ x, y, down }: { x: number; y: number; down: boolean }): void {
    const radius = this.penWidth * RESOLUTION * 0.5;
    this.context.strokeStyle = cssColor(down ? "--wrong" : "--accent");
    this.context.lineWidth = 3;
    this.context.beginPath();
    this.context.arc(x * RESOLUTION, y * RESOLUTION, radius, 0, 2 * Math.PI);
    this.context.stroke();
  }
}
