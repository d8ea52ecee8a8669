// A network as a drawing: a column of nodes for each layer, and edges for the products that flow between
// them.

import { s } from "../dom";
import { mayAnimate } from "../theme";

/** At most this many edges between two columns are drawn: those of the largest products. */
const MOST_EDGES = 70;

/** Nodes that do not fit into one column are placed in several next to each other. */
const MOST_ROWS = 18;

/** The activations flow once the values have not changed for this long, in milliseconds. */
const SETTLED = 300;

const SIZE = { width: 380, radius: 6.5 };

/** The largest height, and that of a row. */
const HEIGHT = { most: 250, row: 34 };

/** A node: the index of its column, and its index there. */
export type NodePlace = [column: number, node: number];

/** What a drawing shows. */
export interface NetworkValues {
  /** The values of the nodes of each column. */
  columns: number[][];
  /** The product that flows from node `from` of a column to node `to` of the next one. */
  product: (column: number, from: number, to: number) => number;
  /** The node of the last column that wins. */
  winner: number;
}

/** How a drawing is labelled. */
export interface NetworkOptions {
  label: string;
  /** The names of the nodes, by column; without a name, a node has no text. */
  names: string[][];
  /** Whether edges enter the first column from the left, where a picture is. */
  hasPicture: boolean;
  onSelect: (place: NodePlace | null) => void;
}

/** The drawing. The arrow keys and pointers select a node. */
export class NetworkDrawing {
  readonly element: SVGSVGElement;
  /** The node whose edges are shown. */
  selected: NodePlace | null = null;

  private readonly options: NetworkOptions;
  private readonly places: [x: number, y: number][][];
  private readonly circles: SVGCircleElement[][];
  private readonly height: number;
  private readonly edges = s("g", {});
  private shown: NetworkValues | null = null;
  private timer = 0;

  constructor(sizes: number[], options: NetworkOptions) {
    this.options = options;
    this.height = Math.min(HEIGHT.most, HEIGHT.row * Math.max(...sizes));
    this.places = sizes.map((size, column) => this.placesOf(size, column, sizes.length));
    this.circles = this.places.map((column, c) =>
      column.map(([cx, cy], n) => {
        const select = () => this.select(isSame(this.selected, [c, n]) ? null : [c, n]);
        return s("circle", { class: "unit-node", cx, cy, r: SIZE.radius, onclick: select });
      }),
    );
    this.element = s(
      "svg",
      {
        class: "network-drawing",
        viewBox: `0 0 ${SIZE.width} ${this.height}`,
        tabindex: 0,
        role: "group",
        "aria-label": `${options.label}. Arrow keys select a unit, Escape none.`,
        onkeydown: (event: KeyboardEvent) => this.pressKey(event),
      },
      this.edges,
      ...this.circles.flat(),
      ...this.names(),
    );
  }

  show(values: NetworkValues): void {
    this.shown = values;
    this.paint();
    window.clearTimeout(this.timer);
    this.element.classList.remove("flowing");
    if (mayAnimate()) this.timer = window.setTimeout(() => this.element.classList.add("flowing"), SETTLED);
  }

  select(place: NodePlace | null): void {
    this.selected = place;
    this.paint();
    this.options.onSelect(place);
  }

  /** Where the nodes of a column are drawn. */
  private placesOf(size: number, column: number, columns: number): [number, number][] {
    const lanes = Math.ceil(size / MOST_ROWS);
    const rows = Math.ceil(size / lanes);
    const [left, right] = [this.options.hasPicture ? 150 : 60, SIZE.width - 80];
    const x = columns === 1 ? right : left + ((right - left) * column) / (columns - 1);
    const room = (this.height - 2 * SIZE.radius - 2) / Math.max(1, rows - 1 + (lanes > 1 ? 0.5 : 0));
    const gap = Math.min(HEIGHT.row, room);
    const top = this.height / 2 - (gap * (rows - 1)) / 2;
    return Array.from({ length: size }, (_, n) => {
      const lane = n % lanes;
      const shift = lanes > 1 ? (lane - (lanes - 1) / 2) * gap * 0.5 : 0;
      return [x + (lane - (lanes - 1) / 2) * 22, top + gap * Math.floor(n / lanes) + shift];
    });
  }

  private pressKey(event: KeyboardEvent): void {
    const [column, node] = this.selected ?? [0, -1];
    const size = this.places[column]?.length ?? 1;
    const columns = this.places.length;
    const clampedNode = (c: number) => Math.min(Math.max(0, node), (this.places[c]?.length ?? 1) - 1);
    const right = Math.min(columns - 1, column + 1);
    const left = Math.max(0, column - 1);
    const moves: Record<string, NodePlace | null> = {
      ArrowDown: [column, (node + 1) % size],
      ArrowUp: [column, (node + size - 1) % size],
      ArrowRight: [right, clampedNode(right)],
      ArrowLeft: [left, clampedNode(left)],
      Escape: null,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.select(to);
  }

  private names(): SVGElement[] {
    return this.places.flatMap((column, c) =>
      column.flatMap(([x, y], n) => {
        const name = this.options.names[c]?.[n];
        const isLast = c === this.places.length - 1;
        const place = isLast ? { x: x + 14, y: y + 4 } : { x: x - 12, y: y + 4, "text-anchor": "end" };
        return name ? [s("text", { class: "node-name", ...place }, name)] : [];
      }),
    );
  }

  private paint(): void {
    const { shown } = this;
    if (!shown) return;
    this.circles.forEach((column, c) => {
      const values = shown.columns[c] ?? [];
      const most = Math.max(1e-9, ...values.map(Math.abs));
      const isLast = c === this.circles.length - 1;
      column.forEach((circle, n) => {
        const share = Math.max(0, values[n] ?? 0) / most;
        const strength = isLast ? (n === shown.winner ? 1 : 0.12) : share;
        circle.style.setProperty("--strength", `${Math.round(100 * strength)}%`);
        circle.classList.toggle("selected", isSame(this.selected, [c, n]));
      });
    });
    const gaps = this.places.slice(1).map((_, c) => this.edgesOf(c, shown));
    const fan = this.options.hasPicture ? this.fan(shown.columns[0] ?? []) : [];
    this.edges.replaceChildren(...fan, ...gaps.flat());
  }

  /** The edges of the largest products between a column and the next one; of a selected node, all of them. */
  private edgesOf(column: number, shown: NetworkValues): SVGElement[] {
    const all: [from: number, to: number, product: number][] = [];
    shown.columns[column]?.forEach((_, from) => {
      shown.columns[column + 1]?.forEach((__, to) => {
        const product = shown.product(column, from, to);
        if (product !== 0) all.push([from, to, product]);
      });
    });
    const isOf = ([from, to]: [number, number, number]) =>
      isSame(this.selected, [column, from]) || isSame(this.selected, [column + 1, to]);
    const chosen = this.selected ? all.filter(isOf) : [];
    const edges = chosen.length ? chosen : all;
    edges.sort((a, b) => Math.abs(b[2]) - Math.abs(a[2]));
    const most = Math.abs(edges[0]?.[2] ?? 1);
    return edges.slice(0, MOST_EDGES).map(([from, to, product]) => {
      const ends = [this.places[column]?.[from], this.places[column + 1]?.[to]] as const;
      return edge(ends[0] ?? [0, 0], ends[1] ?? [0, 0], product / most, column + 1);
    });
  }

  /** Edges from the picture to each active unit. */
  private fan(values: number[]): SVGElement[] {
    const most = Math.max(1e-9, ...values);
    return values.flatMap((value, n) => {
      const to = this.places[0]?.[n];
      if (!to || value <= 0) return [];
      const from: [number, number] = [0, this.height / 2 + (to[1] - this.height / 2) * 0.35];
      return [edge(from, to, value / most, 0)];
    });
  }
}

function edge(from: [number, number], to: [number, number], share: number, column: number): SVGElement {
  const [x1, y1] = from;
  const [x2, y2] = to;
  const size = Math.abs(share);
  const line = s("path", {
    class: share < 0 ? "wire negative" : "wire",
    d: `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`,
    pathLength: 1,
  });
  line.style.strokeWidth = String(0.4 + 2.2 * size);
  line.style.opacity = String(0.08 + 0.8 * size);
  line.style.setProperty("--column", String(column));
  return line;
}

const isSame = (a: NodePlace | null, b: NodePlace): boolean => a !== null && a[0] === b[0] && a[1] === b[1];
