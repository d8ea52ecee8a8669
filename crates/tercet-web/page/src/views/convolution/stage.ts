// The stage of the convolution: the picture, the filtered map and the pooled map, with frames that show which
// pixels belong to the selected cell.

import { largest, paintGrey, paintSigned, picture } from "../../components/image";
import { h } from "../../dom";
import type { Filtered, Filtering } from "../../protocol";

/** A filtered picture: the request and its result. */
export interface Convolved {
  request: Filtering;
  result: Filtered;
}

/** Column and row of a cell. */
export type Cell = [number, number];

const ARROWS: Record<string, Cell> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** Three pictures side by side. Pointing at one of the first two, or the arrow keys, select a cell. */
export class Stage {
  readonly element: HTMLElement;
  /** The selected cell of the filtered map. */
  cell: Cell = [11, 9];

  private shown: Convolved | null = null;
  private readonly onSelect: () => void;
  private readonly input = new Frame("Input picture. Arrow keys move the filter.");
  private readonly output = new Frame("Filtered picture");
  private readonly pooled = new Frame("Pooled picture");
  private readonly field = h("div", {
    class: "window field-window",
    title: "receptive field of the pooled cell",
  });

  /** `grid` holds the weights of the filter; `onSelect` is called when another cell is selected. */
  constructor(grid: HTMLElement, onSelect: () => void) {
    this.onSelect = onSelect;
    this.input.place.append(this.field);
    this.element = h(
      "div",
      { class: "conv-stage" },
      this.input.figure,
      h("figure", { class: "kernel-figure" }, grid, h("figcaption", {}, "filter (editable)")),
      this.output.figure,
      this.pooled.figure,
    );
    this.selectOn(this.input.canvas, ({ request }, x, y) => {
      const first = request.padding - Math.floor(request.side / 2);
      return {
        size: [request.width, request.height],
        cell: [Math.round((x + first) / request.stride), Math.round((y + first) / request.stride)],
      };
    });
    this.selectOn(this.output.canvas, ({ result }, x, y) => ({
      size: [result.map.width, result.map.height],
      cell: [x, y],
    }));
  }

  /** Shows another result. */
  show(shown: Convolved): void {
    this.shown = shown;
    this.repaint();
  }

  /** Paints the pictures, in the colours of the theme. */
  repaint(): void {
    if (!this.shown) return;
    const { request, result } = this.shown;
    const { map, pooled } = result;
    const most = largest(map.values);
    paintGrey(this.input.canvas, request);
    paintSigned(this.output.canvas, map.values, map.width, map.height, most);
    if (pooled) paintSigned(this.pooled.canvas, pooled.values, pooled.width, pooled.height, most);
    this.pooled.figure.hidden = !pooled;
    this.input.caption.textContent = `input, ${request.height} × ${request.width}`;
    const after = request.relu ? "filter and ReLU" : "filter";
    this.output.caption.textContent = `after ${after}, ${map.height} × ${map.width}`;
    this.pooled.caption.textContent = pooled ? `after pooling, ${pooled.height} × ${pooled.width}` : "";
    this.select(...this.cell);
  }

  /** Selects the next cell, row by row; after the last, the first. */
  advance(): void {
    if (!this.shown) return;
    const { width, height } = this.shown.result.map;
    const [x, y] = this.cell;
    if (x + 1 < width) this.select(x + 1, y);
    else this.select(0, (y + 1) % height);
  }

  private select(x: number, y: number): void {
    if (!this.shown) return;
    const { map } = this.shown.result;
    this.cell = [clamped(x, map.width), clamped(y, map.height)];
    this.placeWindows(this.shown);
    this.onSelect();
  }

  private placeWindows({ request, result }: Convolved): void {
    const { map, pooled } = result;
    const { width, height, side, stride, padding, pool } = request;
    const [x, y] = this.cell;
    const picture: Cell = [width, height];
    putWindow(this.input.window, [x * stride - padding, y * stride - padding], side, picture);
    putWindow(this.output.window, [x, y], 1, [map.width, map.height]);
    this.field.hidden = !pooled;
    if (!pooled) return;
    const px = clamped(Math.floor(x / pool), pooled.width);
    const py = clamped(Math.floor(y / pool), pooled.height);
    putWindow(this.pooled.window, [px, py], 1, [pooled.width, pooled.height]);
    const corner: Cell = [px * pool * stride - padding, py * pool * stride - padding];
    putWindow(this.field, corner, (pool - 1) * stride + side, picture);
  }

  /** Lets a picture select cells. `find` returns its size in pixels, and the cell that belongs to a pixel. */
  private selectOn(
    canvas: HTMLCanvasElement,
    find: (shown: Convolved, x: number, y: number) => { size: Cell; cell: Cell },
  ): void {
    const point = (event: PointerEvent) => {
      if (!this.shown) return;
      const box = canvas.getBoundingClientRect();
      const [width, height] = find(this.shown, 0, 0).size;
      const x = Math.floor(((event.clientX - box.left) / box.width) * width);
      const y = Math.floor(((event.clientY - box.top) / box.height) * height);
      this.select(...find(this.shown, x, y).cell);
    };
    canvas.tabIndex = 0;
    canvas.addEventListener("pointermove", point);
    canvas.addEventListener("pointerdown", point);
    canvas.addEventListener("keydown", (event) => {
      const step = ARROWS[event.key];
      if (!step || !this.shown) return;
      event.preventDefault();
      this.select(this.cell[0] + step[0], this.cell[1] + step[1]);
    });
  }
}

/** A picture with a caption, and a window over some of its pixels. */
class Frame {
  readonly canvas: HTMLCanvasElement;
  readonly window = h("div", { class: "window" });
  readonly caption = h("figcaption", {});
  readonly place: HTMLElement;
  readonly figure: HTMLElement;

  constructor(label: string) {
    this.canvas = picture(label, "zoomed");
    this.place = h("div", { class: "framed" }, this.canvas, this.window);
    this.figure = h("figure", {}, this.place, this.caption);
  }
}

const clamped = (value: number, count: number): number => Math.min(count - 1, Math.max(0, value));

/** Puts a square window over a picture, in pixels of the picture. */
function putWindow(window: HTMLElement, [x, y]: Cell, side: number, [width, height]: Cell): void {
  window.style.left = `${(100 * x) / width}%`;
  window.style.top = `${(100 * y) / height}%`;
  window.style.width = `${(100 * side) / width}%`;
  window.style.height = `${(100 * side) / height}%`;
}
