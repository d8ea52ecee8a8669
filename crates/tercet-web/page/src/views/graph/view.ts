// Understand, the graph: forwards and backwards through an expression, a step at a time.

import { button, choice, line, numeric } from "../../components/field";
import { h, s, said } from "../../dom";
import { engine } from "../../engine";
import type { Computed, GraphNode, Subject } from "../../protocol";
import type { View } from "../../router";

const EXPRESSIONS: [string, string, string][] = [
  ["The lecture’s", "q = x + y; f = q * z", "x = -2, y = 5, z = -4"],
  ["A neuron", "z = w0*x0 + w1*x1 + b; f = sigmoid(z)", "w0 = 2, x0 = -1, w1 = -3, x1 = -2, b = -3"],
  ["Used twice", "a = x * y; f = a + x * a", "x = 3, y = -2"],
  ["SVM by hand", "f = relu(s1 - s0 + 1) + relu(s2 - s0 + 1)", "s0 = 1.3, s1 = 2.1, s2 = -0.4"],
];

export const graph: View = {
  name: "graph",
  title: "Graph",
  mount(root, state, keep) {
    let computed: Computed | null = null;
    let at = 0;
    let wanted = Number.POSITIVE_INFINITY;
    let version = 0;

    const changed = () => {
      refresh();
      wanted = Number.POSITIVE_INFINITY;
      void compute();
    };
    const subject = choice(
      "Subject",
      { expression: "an expression", network: "a two-layer network" },
      "expression",
      changed,
    );
    const [, text = "", values = ""] = EXPRESSIONS[0] ?? [];
    const expression = line(
      "Expression",
      text,
      changed,
      "+ − * / ^ @, max, relu, sigmoid, tanh, exp, log, sum …; names by =, steps by ;",
    );
    const variables = line("Values", values, changed, "x = 2, w = [1 2; 3 4]");
    const inputs = numeric("Inputs", 3, { min: 1, max: 6 }, changed);
    const hidden = numeric("Hidden", 4, { min: 1, max: 6 }, changed);
    const classes = numeric("Classes", 3, { min: 2, max: 6 }, changed);
    const seed = numeric("Seed", 1, { min: 0, max: 1e6 }, changed);
    const loss = choice("Loss", { softmax: "softmax", svm: "SVM" }, "softmax", changed);
    const error = h("p", { class: "problem", role: "alert" });
    const picture = h("div", { class: "graph-picture scroll" });
    const words = h("p", { class: "step-words", role: "status" });
    const slider = h("input", {
      type: "range",
      min: "0",
      value: "0",
      "aria-label": "Step",
      oninput: () => go(Number(slider.value)),
    });
    const rows = h("tbody", {});
    const refresh = () => {
      const network = subject.get() === "network";
      expression.element.hidden = variables.element.hidden = examples.hidden = network;
      for (const field of [inputs, hidden, classes, seed, loss]) field.element.hidden = !network;
    };
    const examples = h(
      "div",
      { class: "presets" },
      ...EXPRESSIONS.map(([name, text, values]) =>
        button(
          name,
          () => {
            expression.set(text);
            variables.set(values);
            changed();
          },
          "chip-button",
        ),
      ),
    );

    const toState = () => {
      const state = new URLSearchParams();
      if (subject.get() === "network") {
        state.set("of", "network");
        state.set("sizes", [inputs, hidden, classes].map((field) => field.get()).join("-"));
        state.set("seed", String(seed.get()));
        state.set("loss", loss.get());
      } else {
        state.set("f", expression.get());
        state.set("at", variables.get());
      }
      if (computed && at < computed.steps.length) state.set("step", String(at));
      return state;
    };
    const compute = async () => {
      const own = ++version;
      const asked: Subject =
        subject.get() === "network"
          ? {
              network: {
                inputs: inputs.get(),
                hidden: hidden.get(),
                classes: classes.get(),
                seed: seed.get(),
                loss: loss.get(),
              },
            }
          : { expression: { text: expression.get(), values: variables.get() } };
      try {
        const found = await engine.graph(asked);
        if (own !== version) return;
        computed = found;
        error.textContent = "";
        slider.max = String(found.steps.length);
        go(Math.min(wanted, found.steps.length));
      } catch (problem) {
        if (own !== version) return;
        error.textContent = said(problem);
      }
    };

    const go = (step: number) => {
      if (!computed) return;
      at = Math.max(0, Math.min(computed.steps.length, step));
      wanted = at;
      slider.value = String(at);
      const done = computed.steps.slice(0, at);
      const now = computed.steps[at - 1];
      const steps = computed.steps.length;
      const forwards = computed.steps.filter((one) => !one.backward).length;
      words.replaceChildren(
        h(
          "b",
          {},
          now
            ? now.backward
              ? `Back, ${at - forwards} of ${steps - forwards}: `
              : `Forward, ${at} of ${forwards}: `
            : "Begin: ",
        ),
        now ? now.words : "the variables have their values; nothing has been computed yet.",
      );
      const known = new Set(computed.nodes.flatMap((node, i) => (node.operands.length === 0 ? [i] : [])));
      const gradients = new Map<number, string>();
      const edges = new Map<string, string>();
      for (const one of done) {
        if (!one.backward) known.add(one.node);
        else {
          if (one.gradient !== null)
            gradients.set(
              one.node,
              one.by === null
                ? one.gradient
                : gradients.has(one.node)
                  ? `${gradients.get(one.node) ?? ""} + ${one.gradient}`
                  : one.gradient,
            );
          if (one.by !== null && one.derivative !== null) edges.set(`${one.node}-${one.by}`, one.derivative);
        }
      }
      const all = at === steps;
      if (all) computed.nodes.forEach((node, i) => node.gradient !== null && gradients.set(i, node.gradient));
      picture.replaceChildren(drawing(computed, known, gradients, edges, now?.node ?? -1, now?.by ?? -1));
      rows.replaceChildren(
        ...computed.nodes.map((node, i) =>
          h(
            "tr",
            { class: i === now?.node ? "now" : "" },
            h("th", { scope: "row" }, node.name),
            h("td", {}, node.operands.length ? node.formula : node.kind === "input" ? "variable" : node.kind),
            h("td", {}, known.has(i) ? node.value : "…"),
            h("td", { class: "gradient" }, gradients.get(i) ?? (node.gradient === null ? "–" : "…")),
            h("td", {}, all ? (node.difference ?? "–") : "…"),
            h(
              "td",
              {},
              all
                ? ({ agrees: "✓ agrees", corner: "at a corner", differs: "✗ differs" }[
                    node.verdict ?? "agrees"
                  ] ?? "")
                : "",
            ),
          ),
        ),
      );
      keep(toState());
    };

    root.append(
      h("h1", {}, "The graph"),
      h(
        "p",
        { class: "lede" },
        "Backpropagation is the chain rule, node by node: each multiplies the gradient that arrives by " +
          "its own derivative, and hands it on.",
      ),
      h(
        "div",
        { class: "setup inline" },
        subject.element,
        expression.element,
        variables.element,
        inputs.element,
        hidden.element,
        classes.element,
        seed.element,
        loss.element,
      ),
      examples,
      error,
      h(
        "div",
        { class: "stepper" },
        button("Begin", () => go(0)),
        button("Back", () => go(at - 1)),
        slider,
        button("Step", () => go(at + 1), "primary"),
        button("All", () => go(Number.POSITIVE_INFINITY)),
      ),
      words,
      picture,
      h(
        "div",
        { class: "scroll", tabIndex: 0, role: "region", "aria-label": "All nodes" },
        h(
          "table",
          {
            class: "nodes",
            "aria-label": "Each node with its value, its gradient and the finite difference",
          },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ...["Node", "Is", "Value", "Gradient", "Finite differences", ""].map((title) =>
                h("th", { scope: "col" }, title),
              ),
            ),
          ),
          rows,
        ),
      ),
    );
    const restore = (given: URLSearchParams) => {
      subject.set(given.get("of") === "network" ? "network" : "expression");
      expression.set(given.get("f") ?? text);
      variables.set(given.get("at") ?? values);
      const [i, j, k] = (given.get("sizes") ?? "3-4-3").split("-").map(Number);
      inputs.set(i ?? 3);
      hidden.set(j ?? 4);
      classes.set(k ?? 3);
      seed.set(Number(given.get("seed") ?? 1));
      loss.set(given.get("loss") === "svm" ? "svm" : "softmax");
      wanted = given.has("step") ? Number(given.get("step")) : Number.POSITIVE_INFINITY;
      refresh();
      void compute();
    };
    restore(state);
    return { restore };
  },
};

const WIDE = 128;
const TALL = 64;
const GAP = { x: 62, y: 22 };

/** The nodes in columns by how far they are from the variables; values above, gradients below. */
function drawing(
  of: Computed,
  known: Set<number>,
  gradients: Map<number, string>,
  edges: Map<string, string>,
  now: number,
  by: number,
): SVGSVGElement {
  const depth: number[] = [];
  for (const node of of.nodes)
    depth.push(node.operands.length ? 1 + Math.max(...node.operands.map((o) => depth[o] ?? 0)) : 0);
  // A variable stands right before the first that uses it.
  const users = of.nodes.map((_, i) =>
    of.nodes.flatMap((node, j) => (node.operands.includes(i) ? [depth[j] ?? 0] : [])),
  );
  of.nodes.forEach((node, i) => {
    const first = Math.min(...(users[i] ?? []));
    if (node.operands.length === 0 && Number.isFinite(first)) depth[i] = first - 1;
  });
  const columns = Math.max(...depth) + 1;
  const inColumn = Array.from({ length: columns }, (_, c) =>
    of.nodes.flatMap((_, i) => (depth[i] === c ? [i] : [])),
  );
  const tallest = Math.max(...inColumn.map((column) => column.length));
  const [width, height] = [columns * (WIDE + GAP.x) - GAP.x + 4, tallest * (TALL + GAP.y) - GAP.y + 4];
  const place = new Map<number, [number, number]>();
  inColumn.forEach((column, c) => {
    const from = (height - (column.length * (TALL + GAP.y) - GAP.y)) / 2;
    column.forEach((i, r) => place.set(i, [2 + c * (WIDE + GAP.x), from + r * (TALL + GAP.y)]));
  });
  const lines: SVGElement[] = [];
  of.nodes.forEach((node, j) => {
    for (const i of new Set(node.operands)) {
      const [ax, ay] = place.get(i) ?? [0, 0];
      const [bx, b] = place.get(j) ?? [0, 0];
      const [x1, y1, x2, y2] = [ax + WIDE, ay + TALL / 2, bx, b + TALL / 2];
      const middle = (x1 + x2) / 2;
      const active = i === now && j === by;
      lines.push(
        s("path", {
          class: `edge${active ? " now" : ""}`,
          d: `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`,
        }),
      );
      const derivative = edges.get(`${i}-${j}`);
      if (derivative) {
        // Near the operand, where the edges of a node have not met yet.
        const [x, y] = [x1 + (x2 - x1) * 0.42, y1 + (y2 - y1) * 0.36 - 5];
        lines.push(
          s("text", { class: "derivative", x, y, "text-anchor": "middle" }, `×${cut(derivative, 12)}`),
        );
      }
    }
  });
  const svg = s(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-label": "The graph; the table below says the same in words",
    },
    ...lines,
    ...of.nodes.map((node, i) =>
      box(node, place.get(i) ?? [0, 0], known.has(i), gradients.get(i), i === now),
    ),
  );
  return svg;
}

function box(
  node: GraphNode,
  [x, y]: [number, number],
  known: boolean,
  gradient: string | undefined,
  now: boolean,
): SVGGElement {
  const variable = node.operands.length === 0;
  return s(
    "g",
    { class: `node${variable ? " variable" : ""}${now ? " now" : ""}`, transform: `translate(${x} ${y})` },
    s("rect", { width: WIDE, height: TALL, rx: variable ? 20 : 6 }),
    s(
      "text",
      { class: "name", x: WIDE / 2, y: 18, "text-anchor": "middle" },
      variable ? node.name : cut(`${node.name} = ${node.formula}`, 19),
    ),
    s(
      "text",
      { class: "value", x: WIDE / 2, y: 37, "text-anchor": "middle" },
      known ? cut(node.value, 17) : "",
    ),
    s(
      "text",
      { class: "gradient", x: WIDE / 2, y: 55, "text-anchor": "middle" },
      gradient === undefined ? "" : cut(gradient, 17),
    ),
    s(
      "title",
      {},
      `${node.name} = ${node.formula}: value ` +
        `${node.value}${node.gradient ? `, gradient ${node.gradient}` : ""}`,
    ),
  );
}

const cut = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;
