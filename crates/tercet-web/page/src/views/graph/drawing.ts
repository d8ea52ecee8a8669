// The graph as a drawing: nodes in columns, values above, gradients below, local derivatives on the edges.

import { s } from "../../dom";
import type { Computed, GraphNode } from "../../protocol";
import type { Progress } from "./progress";

const WIDTH = 150;
const HEIGHT = 66;
const GAP = { x: 104, y: 24 };

/** The room for text inside a node and on an edge. */
const ROOM = { node: WIDTH - 16, edge: GAP.x - 18 };

type Corner = [x: number, y: number];

/** Where the nodes are drawn. */
interface Layout {
  width: number;
  height: number;
  corners: Corner[];
}

/** The drawing of a graph. */
export function drawing({ nodes }: Computed, progress: Progress): SVGSVGElement {
  const { width, height, corners } = layout(nodes);
  const properties = {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": "The graph; the table below has the same content",
  };
  const edges = nodes.flatMap((node, user) =>
    [...new Set(node.operands)].flatMap((operand) => edge(operand, user, corners, progress)),
  );
  const boxes = nodes.map((node, i) => box(node, i, corners[i] ?? [0, 0], progress));
  return s("svg", properties, ...edges, ...boxes);
}

/** Columns by the distance from the variables, each in the middle of the height. */
function layout(nodes: GraphNode[]): Layout {
  const columnOf = columns(nodes);
  const count = Math.max(...columnOf) + 1;
  const members = Array.from({ length: count }, (_, column) =>
    nodes.flatMap((_, i) => (columnOf[i] === column ? [i] : [])),
  );
  const tall = (rows: number) => rows * (HEIGHT + GAP.y) - GAP.y;
  const height = tall(Math.max(...members.map((column) => column.length))) + 4;
  const corners: Corner[] = [];
  members.forEach((column, c) => {
    const top = (height - tall(column.length)) / 2;
    column.forEach((node, row) => {
      corners[node] = [2 + c * (WIDTH + GAP.x), top + row * (HEIGHT + GAP.y)];
    });
  });
  return { width: count * (WIDTH + GAP.x) - GAP.x + 4, height, corners };
}

/** The column of each node, after those of its operands. A variable is right before its first user. */
function columns(nodes: GraphNode[]): number[] {
  const column: number[] = [];
  for (const { operands } of nodes) {
    column.push(operands.length ? 1 + Math.max(...operands.map((operand) => column[operand] ?? 0)) : 0);
  }
  return nodes.map(({ operands }, i) => {
    const users = nodes.flatMap((node, j) => (node.operands.includes(i) ? [column[j] ?? 0] : []));
    return operands.length === 0 && users.length > 0 ? Math.min(...users) - 1 : (column[i] ?? 0);
  });
}

function edge(operand: number, user: number, corners: Corner[], progress: Progress): SVGElement[] {
  const [left, top] = corners[operand] ?? [0, 0];
  const [x2, bottom] = corners[user] ?? [0, 0];
  const [x1, y1, y2] = [left + WIDTH, top + HEIGHT / 2, bottom + HEIGHT / 2];
  const middle = (x1 + x2) / 2;
  const active = progress.step?.node === operand && progress.step.by === user;
  const path = s("path", {
    class: `edge${active ? " now" : ""}`,
    d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`,
  });
  const derivative = progress.derivatives.get(`${operand}-${user}`);
  if (!derivative) return [path];
  // In the gap after the operand, near its height, where the edges of a node have not met yet.
  const place = { x: x1 + GAP.x / 2, y: y1 + Math.sign(y2 - y1) * Math.min(16, Math.abs(y2 - y1) / 4) - 5 };
  const words = cut(`×${derivative}`, 11, ROOM.edge);
  return [
    path,
    s("text", { class: "derivative", ...place, "text-anchor": "middle" }, words, s("title", {}, derivative)),
  ];
}

function box(node: GraphNode, index: number, [x, y]: Corner, progress: Progress): SVGElement {
  const variable = node.operands.length === 0;
  const active = progress.step?.node === index;
  const known = progress.known.has(index);
  const gradient = progress.gradients.get(index) ?? "";
  const text = (kind: string, line: number, words: string) =>
    s("text", { class: kind, x: WIDTH / 2, y: line, "text-anchor": "middle" }, words);
  const title = `${node.name} = ${node.formula}: value ${node.value}`;
  return s(
    "g",
    { class: `node${variable ? " variable" : ""}${active ? " now" : ""}`, transform: `translate(${x} ${y})` },
    s("rect", { width: WIDTH, height: HEIGHT, rx: variable ? 20 : 6 }),
    text("name", 18, variable ? node.name : cut(`${node.name} = ${node.formula}`, 11.5, ROOM.node)),
    text("value", 38, known ? cut(node.value, 12.5, ROOM.node) : ""),
    text("gradient", 57, cut(gradient, 12.5, ROOM.node)),
    s("title", {}, node.gradient ? `${title}, gradient ${node.gradient}` : title),
  );
}

const ruler = document.createElement("canvas").getContext("2d");

/** A text, shortened to a width at a font size. */
function cut(text: string, size: number, room: number): string {
  if (!ruler) return text;
  ruler.font = `600 ${size}px ${getComputedStyle(document.body).fontFamily}`;
  const isFitting = (words: string) => ruler.measureText(words).width <= room;
  if (isFitting(text)) return text;
  let most = text.length - 1;
  while (most > 1 && !isFitting(`${text.slice(0, most)}…`)) most--;
  return `${text.slice(0, most)}…`;
}
