// The pad: a canvas for mouse, pen, touch and keys.

import { h } from "../../dom";
import { cssColor } from "../../theme";
import { paint, SIDE, type Stroke } from "./strokes";

/** How sharp the pad is, beside the picture of SIDE × SIDE pixels that is read. */
const SHARP = 2;

export interface Pad {
  element: HTMLElement;
  strokes(): Stroke[];
  set(strokes: Stroke[]): void;
  /** Shows a picture instead of strokes. */
  picture(image: ImageBitmap | null): void;
  /** The drawing in grey, dark on white, SIDE × SIDE: exactly what is read. */
  grey(): Uint8Array;
  /** The same as a file. */
  file(): Promise<Blob | null>;
  pen(width: number): void;
  undo(): void;
  destroy(): void;
}

/** A pad that says when it was drawn on; `done` where a stroke has ended. */
export function pad(changed: (done: boolean) => void): Pad {
  const canvas = h("canvas", {
    class: "pad",
    width: SIDE * SHARP,
    height: SIDE * SHARP,
    tabIndex: 0,
    role: "img",
    "aria-label":
      "Drawing pad. With the keyboard: arrow keys move the pen, space puts it down and lifts it, " +
      "backspace takes the last stroke back.",
  });
  const hint = h("p", { class: "pad-hint", "aria-hidden": "true" }, "Draw a digit");
  const element = h("div", { class: "pad-frame" }, canvas, hint);
  const read = document.createElement("canvas");
  read.width = read.height = SIDE;
  const reading = read.getContext("2d", { willReadFrequently: true });
  const context = canvas.getContext("2d");
  if (!context || !reading) throw new Error("this browser has no canvas");

  let strokes: Stroke[] = [];
  let shown: ImageBitmap | null = null;
  let width = 20;
  let drawing: Stroke | null = null;
  let pen: { x: number; y: number; down: boolean } | null = null;
  let frame = 0;

  const redraw = () => {
    frame = 0;
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (shown) {
      const scale = Math.min(canvas.width / shown.width, canvas.height / shown.height);
      const [w, t] = [shown.width * scale, shown.height * scale];
      context.drawImage(shown, (canvas.width - w) / 2, (canvas.height - t) / 2, w, t);
    }
    paint(context, strokes, SHARP, cssColor("--ink"));
    if (pen) {
      context.strokeStyle = cssColor(pen.down ? "--wrong" : "--accent");
      context.lineWidth = 3;
      context.beginPath();
      context.arc(pen.x * SHARP, pen.y * SHARP, width * SHARP * 0.5, 0, 2 * Math.PI);
      context.stroke();
    }
    hint.hidden = strokes.length > 0 || shown !== null;
  };
  const later = () => (frame ||= requestAnimationFrame(redraw));

  const place = (event: PointerEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    const side = (value: number, start: number, length: number) =>
      Math.min(SIDE, Math.max(0, Math.round(((value - start) / length) * SIDE)));
    return [side(event.clientX, box.left, box.width), side(event.clientY, box.top, box.height)];
  };
  const add = (x: number, y: number) => {
    if (!drawing) return;
    const [lx, ly] = drawing.points.slice(-2);
    if (lx !== undefined && ly !== undefined && Math.hypot(x - lx, y - ly) < 3) return;
    drawing.points.push(x, y);
  };
  const begin = (x: number, y: number) => {
    shown = null;
    drawing = { width, points: [] };
    strokes.push(drawing);
    add(x, y);
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || drawing) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    pen = null;
    begin(...place(event));
    later();
    changed(false);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drawing || !canvas.hasPointerCapture(event.pointerId)) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) add(...place(each));
    later();
    changed(false);
  });
  const end = () => {
    if (!drawing) return;
    drawing = null;
    changed(true);
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);

  const ARROWS: Record<string, [number, number]> = {
    ArrowLeft: [-8, 0],
    ArrowRight: [8, 0],
    ArrowUp: [0, -8],
    ArrowDown: [0, 8],
  };
  canvas.addEventListener("keydown", (event) => {
    const step = ARROWS[event.key];
    if (step) {
      pen ??= { x: SIDE / 2, y: SIDE / 4, down: false };
      pen.x = Math.min(SIDE, Math.max(0, pen.x + step[0]));
      pen.y = Math.min(SIDE, Math.max(0, pen.y + step[1]));
      if (pen.down) {
        add(pen.x, pen.y);
        changed(false);
      }
    } else if (event.key === " ") {
      pen ??= { x: SIDE / 2, y: SIDE / 4, down: false };
      pen.down = !pen.down;
      if (pen.down) {
        begin(pen.x, pen.y);
        changed(false);
      } else end();
    } else if (event.key === "Backspace" || ((event.ctrlKey || event.metaKey) && event.key === "z")) {
      undo();
    } else return;
    event.preventDefault();
    later();
  });
  canvas.addEventListener("blur", () => {
    if (pen?.down) end();
    pen = null;
    later();
  });
  const undo = () => {
    if (drawing) return;
    strokes.pop();
    shown = null;
    later();
    changed(true);
  };
  document.addEventListener("themechange", later);
  later();

  const render = () => {
    reading.fillStyle = "#fff";
    reading.fillRect(0, 0, SIDE, SIDE);
    paint(reading, strokes, 1, "#000");
  };
  return {
    element,
    strokes: () => strokes,
    set(given) {
      strokes = given;
      shown = null;
      drawing = null;
      later();
    },
    picture(image) {
      shown = image;
      if (image) strokes = [];
      later();
    },
    grey() {
      render();
      const rgba = reading.getImageData(0, 0, SIDE, SIDE).data;
      const grey = new Uint8Array(SIDE * SIDE);
      for (let i = 0; i < grey.length; i++) grey[i] = rgba[4 * i] ?? 255;
      return grey;
    },
    file() {
      render();
      return new Promise((resolve) => read.toBlob(resolve));
    },
    pen(given) {
      width = given;
      later();
    },
    undo,
    destroy() {
      cancelAnimationFrame(frame);
      document.removeEventListener("themechange", later);
    },
  };
}
