// The graph as a table: each node with its value, its gradient and the finite difference.

import { h } from "../../dom";
import type { Computed, GraphNode } from "../../protocol";
import type { Progress } from "./progress";

const COLUMNS = ["Node", "Operation", "Value", "Gradient", "Finite difference", "Check"];
const VERDICTS = { agrees: "✓ agrees", corner: "at a kink", differs: "✗ differs" } as const;
/** Stands for a number that has not been computed yet. */
const PENDING = "…";

/** The table. */
export class NodeTable {
  readonly element: HTMLElement;
  private readonly body = h("tbody", {});

  constructor() {
    const label = "Each node with its value, its gradient and the finite difference";
    const head = h("tr", {}, ...COLUMNS.map((title) => h("th", { scope: "col" }, title)));
    this.element = h(
      "div",
      { class: "scroll", tabIndex: 0, role: "region", "aria-label": "All nodes" },
      h("table", { class: "nodes", "aria-label": label }, h("thead", {}, head), this.body),
    );
  }

  show({ nodes }: Computed, progress: Progress): void {
    this.body.replaceChildren(...nodes.map((node, i) => row(node, i, progress)));
  }
}

/** Whether the gradient agrees with the finite difference, if both are numbers. */
function verdict({ value, gradient, difference, verdict: found }: GraphNode): string {
  const isUndefined = [value, gradient, difference].some((text) => text !== null && /NaN|inf/i.test(text));
  if (isUndefined) return "undefined here";
  return found ? VERDICTS[found] : "";
}

function row(node: GraphNode, index: number, { step, complete, known, gradients }: Progress): HTMLElement {
  const cells = [
    node.operands.length ? node.formula : node.kind === "input" ? "variable" : node.kind,
    known.has(index) ? node.value : PENDING,
    gradients.get(index) ?? (node.gradient === null ? "–" : PENDING),
    complete ? (node.difference ?? "–") : PENDING,
    complete ? verdict(node) : "",
  ];
  const [formula, value, gradient, ...check] = cells.map((text, c) =>
    h("td", { class: c === 2 ? "gradient" : "" }, text),
  );
  return h(
    "tr",
    { class: index === step?.node ? "now" : "" },
    h("th", { scope: "row" }, node.name),
    formula,
    value,
    gradient,
    ...check,
  );
}
