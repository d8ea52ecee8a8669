// The form of the plane: points and classifier, as an address and as a request to the engine.

import { choice, numeric, unitsField } from "../../components/field";
import { Fields } from "../../components/fields";
import { h } from "../../dom";
import type { Point, Scene } from "../../protocol";

/** The number of training steps: more than anybody would wait for. */
const LENGTH = 200_000;

const POINTS = {
  xor: "XOR",
  moons: "moons",
  circles: "circles",
  spiral: "spiral",
  blobs: "two blobs",
  mine: "your own points",
} as const;
const MODELS = {
  perceptron: "perceptron",
  neighbors: "nearest neighbours",
  linear: "linear classifier",
  network: "network",
} as const;
const ACTIVATIONS = { relu: "ReLU", tanh: "tanh", sigmoid: "sigmoid", none: "none" } as const;

/** The classifiers of the plane. */
export type Model = keyof typeof MODELS;

/** The form. */
export class PlaneForm {
  readonly element: HTMLElement;

  private readonly named;
  private readonly fields;
  private readonly onChange: () => void;

  constructor(onChange: () => void) {
    this.onChange = onChange;
    const changed = () => this.changed();
    this.named = {
      points: choice("Data set", POINTS, "xor", changed),
      count: numeric("Number of points", 200, { min: 10, max: 600 }, changed),
      noise: numeric("Noise", 0.05, { min: 0, max: 0.5, step: 0.01 }, changed),
      seed: numeric("Seed", 1, { min: 0, max: 1e6 }, changed),
      model: choice("Classifier", MODELS, "network", changed),
      k: numeric("k", 3, { min: 1, max: 99 }, changed),
      hidden: unitsField("Hidden units", "8", 64, changed),
      act: choice("Activation", ACTIVATIONS, "relu", changed),
      lr: numeric("Learning rate", 0.1, { min: 1e-4, max: 10, step: "any" }, changed),
      batch: numeric("Batch size", 20, { min: 1, max: 600 }, changed),
    };
    this.fields = new Fields(this.named);
    const { points, count, noise, seed, model, k, hidden, act, lr, batch } = this.named;
    const group = (title: string, fields: { element: HTMLElement }[]) =>
      h("fieldset", {}, h("legend", {}, title), ...fields.map((field) => field.element));
    this.element = h(
      "form",
      { class: "setup", onsubmit: (event: Event) => event.preventDefault() },
      group("Data", [points, count, noise, seed]),
      group("Classifier", [model, k, hidden, act, lr, batch]),
    );
  }

  model(): Model {
    return this.named.model.get();
  }

  /** Whether the visitor adds the points. */
  isByHand(): boolean {
    return this.named.points.get() === "mine";
  }

  toState(): URLSearchParams {
    return this.fields.toState();
  }

  restore(state: URLSearchParams): void {
    this.fields.restore(state);
    this.showFields();
  }

  /** The request to the engine; `mine` are the points that the visitor added. */
  scene(mine: Point[]): Scene {
    const { points, count, noise, seed, k, batch, lr } = this.named;
    return {
      points: points.get(),
      count: count.get(),
      noise: noise.get(),
      seed: seed.get(),
      mine,
      model: this.model() === "linear" ? "network" : this.model(),
      k: k.get(),
      setup: {
        layers: this.layers(),
        init: "he",
        seed: 1,
        examples: 2000,
        validation: 1,
        settings: {
          loss: "softmax",
          reg: 0,
          batch: batch.get(),
          length: { iterations: LENGTH },
          learning_rate: lr.get(),
          validate_every: LENGTH,
          optimizer: { sgd: { momentum: 0.9 } },
        },
      },
    };
  }

  /** A remark about the chosen classifier and data. */
  remark(): string {
    const [model, points] = [this.model(), this.named.points.get()];
    if (model === "network" && this.named.act.get() === "none") {
      return (
        "Without an activation, two layers of weights are equivalent to one: W₂(W₁x) = (W₂W₁)x. The " +
        "decision boundary is a line, however many units there are."
      );
    }
    if ((model === "linear" || model === "perceptron") && points !== "blobs") {
      const classifier = model === "linear" ? "a linear classifier" : "a perceptron";
      return `These points are not linearly separable, and ${classifier} can only draw a line.`;
    }
    return REMARKS[model];
  }

  /** Whether the classifier is trained by gradient descent. */
  hasLoss(): boolean {
    return this.model() === "linear" || this.model() === "network";
  }

  /** What may help when training has stalled. */
  advice(): string {
    const isLine = this.model() === "linear" || this.named.act.get() === "none";
    if (isLine) return "This classifier can only draw a line: choose a network with an activation.";
    if (this.named.lr.get() > 1) return "The learning rate is high: try 0.1.";
    return "Try more hidden units, a second hidden layer, or another learning rate.";
  }

  private layers(): string {
    if (this.model() !== "network") return "";
    const act = this.named.act.get();
    const sizes = this.named.hidden.get().split(" ");
    const hidden = sizes.map((units) => (act === "none" ? `dense${units}` : `dense${units} ${act}`));
    return [...hidden, "dense2"].join(" ");
  }

  private changed(): void {
    this.showFields();
    this.onChange();
  }

  /** Hides the fields that the chosen points or classifier do not have. */
  private showFields(): void {
    const { count, noise, seed, k, hidden, act, lr, batch } = this.named;
    const model = this.model();
    const show = (fields: { element: HTMLElement }[], on: boolean) => {
      for (const { element } of fields) element.hidden = !on;
    };
    show([count, noise, seed], !this.isByHand());
    show([k], model === "neighbors");
    show([hidden, act], model === "network");
    show([lr, batch], model === "linear" || model === "network");
  }
}

const REMARKS: Record<Model, string> = {
  perceptron:
    "The perceptron updates its weights only on mistakes. It converges if a line separates the classes.",
  neighbors: "Nothing is trained. A larger k gives a smoother decision boundary that is robust to outliers.",
  linear: "Two blobs: one line separates them.",
  network: "Each hidden unit folds the plane along a line; after the folds, one line is enough.",
};
