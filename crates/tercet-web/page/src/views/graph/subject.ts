// The form of the graph: an expression or a two-layer network.

import { button, choice, numeric, textField } from "../../components/field";
import { h } from "../../dom";
import type { Subject } from "../../protocol";

const LECTURE = { name: "The lecture’s", text: "q = x + y; f = q * z", values: "x = -2, y = 5, z = -4" };
const EXPRESSIONS = [
  LECTURE,
  {
    name: "A neuron",
    text: "z = w0*x0 + w1*x1 + b; f = sigmoid(z)",
    values: "w0 = 2, x0 = -1, w1 = -3, x1 = -2, b = -3",
  },
  { name: "A variable used twice", text: "a = x * y; f = a + x * a", values: "x = 3, y = -2" },
  {
    name: "SVM loss",
    text: "f = relu(s1 - s0 + 1) + relu(s2 - s0 + 1)",
    values: "s0 = 1.3, s1 = 2.1, s2 = -0.4",
  },
];
const KINDS = { expression: "an expression", network: "a two-layer network" } as const;
const SYNTAX =
  "+ − * / ^ @, max, relu, sigmoid, tanh, exp, log, sum …; name a part with =, separate parts with ;";

/** The form. */
export class SubjectForm {
  readonly elements: HTMLElement[];

  private readonly kind;
  private readonly text;
  private readonly values;
  private readonly inputs;
  private readonly hidden;
  private readonly classes;
  private readonly seed;
  private readonly loss;
  private readonly examples: HTMLElement;
  private readonly onChange: () => void;

  constructor(onChange: () => void) {
    this.onChange = onChange;
    const changed = () => this.changed();
    this.kind = choice("Graph of", KINDS, "expression", changed);
    this.text = textField("Expression", LECTURE.text, changed, SYNTAX);
    this.values = textField("Values", LECTURE.values, changed, "x = 2, w = [1, 2; 3, 4]");
    this.inputs = numeric("Inputs", 3, { min: 1, max: 6 }, changed);
    this.hidden = numeric("Hidden units", 4, { min: 1, max: 6 }, changed);
    this.classes = numeric("Classes", 3, { min: 2, max: 6 }, changed);
    this.seed = numeric("Seed", 1, { min: 0, max: 1e6 }, changed);
    this.loss = choice("Loss", { softmax: "softmax", svm: "SVM" }, "softmax", changed);
    const { kind, text, values, inputs, hidden, classes, seed, loss } = this;
    const fields = [kind, text, values, inputs, hidden, classes, seed, loss];
    this.examples = this.exampleButtons();
    this.elements = [
      h("div", { class: "setup inline" }, ...fields.map((field) => field.element)),
      this.examples,
    ];
  }

  /** The request to the engine. */
  subject(): Subject {
    if (!this.isNetwork()) return { expression: { text: this.text.get(), values: this.values.get() } };
    return {
      network: {
        inputs: this.inputs.get(),
        hidden: this.hidden.get(),
        classes: this.classes.get(),
        seed: this.seed.get(),
        loss: this.loss.get(),
      },
    };
  }

  toState(): URLSearchParams {
    if (!this.isNetwork()) return new URLSearchParams({ f: this.text.get(), at: this.values.get() });
    return new URLSearchParams({
      of: "network",
      sizes: [this.inputs, this.hidden, this.classes].map((field) => field.get()).join("-"),
      seed: String(this.seed.get()),
      loss: this.loss.get(),
    });
  }

  restore(state: URLSearchParams): void {
    this.kind.set(state.get("of") === "network" ? "network" : "expression");
    this.text.set(state.get("f") ?? LECTURE.text);
    this.values.set(state.get("at") ?? LECTURE.values);
    const [inputs = 3, hidden = 4, classes = 3] = (state.get("sizes") ?? "")
      .split("-")
      .filter(Boolean)
      .map(Number);
    this.inputs.set(inputs);
    this.hidden.set(hidden);
    this.classes.set(classes);
    this.seed.set(Number(state.get("seed") ?? 1));
    this.loss.set(state.get("loss") === "svm" ? "svm" : "softmax");
    this.showFields();
  }

  private isNetwork(): boolean {
    return this.kind.get() === "network";
  }

  private changed(): void {
    this.showFields();
    this.onChange();
  }

  /** Hides the fields of the other kind. */
  private showFields(): void {
    const network = this.isNetwork();
    for (const { element } of [this.text, this.values, { element: this.examples }]) element.hidden = network;
    const { inputs, hidden, classes, seed, loss } = this;
    for (const { element } of [inputs, hidden, classes, seed, loss]) element.hidden = !network;
  }

  private exampleButtons(): HTMLElement {
    const buttons = EXPRESSIONS.map(({ name, text, values }) => {
      const use = () => {
        this.text.set(text);
        this.values.set(values);
        this.changed();
      };
      return button(name, use, "chip-button");
    });
    return h("div", { class: "presets" }, ...buttons);
  }
}
