// The form of the Train view: model and training settings, as an address and as a request to the engine.

import { choice, numeric, textField, unitsField } from "../../components/field";
import { Fields } from "../../components/fields";
import { h } from "../../dom";
import type { Setup } from "../../protocol";

const MODELS = {
  linear: "Linear classifier",
  network: "Fully connected",
  convolution: "Convolutional",
  custom: "Architecture string",
} as const;
const ACTIVATIONS = {
  relu: "ReLU",
  leaky: "leaky ReLU",
  sigmoid: "sigmoid",
  tanh: "tanh",
  gelu: "GELU",
  none: "none",
} as const;
const LOSSES = { svm: "SVM (Δ = 1)", softmax: "softmax" } as const;
const OPTIMIZERS = {
  sgd: "SGD",
  momentum: "momentum 0.9",
  nesterov: "Nesterov 0.9",
  adam: "Adam",
  adamw: "AdamW",
} as const;
const SCHEDULES = {
  constant: "constant",
  linear: "linear decay",
  cosine: "cosine decay",
  cycle: "one-cycle",
} as const;
const UNITS = { iterations: "steps", epochs: "epochs" } as const;
const INITS = { he: "He", small: "0.0001 · randn", large: "0.3 · randn" } as const;

/** The same as values of the request. */
const ENGINE_ACTIVATIONS = {
  ...ACTIVATIONS,
  relu: "relu",
  leaky: "leaky0.01",
  gelu: "gelu",
  none: "",
} as const;
const ENGINE_OPTIMIZERS = {
  sgd: { sgd: { momentum: 0 } },
  momentum: { sgd: { momentum: 0.9 } },
  nesterov: { nesterov: { momentum: 0.9 } },
  adam: { adam: {} },
  adamw: { adamw: {} },
} as const;
const ENGINE_SCHEDULES = {
  constant: "constant",
  linear: "linear-to-zero",
  cosine: "cosine",
  cycle: { "one-cycle": {} },
} as const;
const ENGINE_INITS = { he: "he", small: { normal: 1e-4 }, large: { normal: 0.3 } } as const;

/** The form. */
export class SetupForm {
  readonly element: HTMLElement;

  private readonly named;
  private readonly fields;
  private readonly onChange: () => void;

  constructor(onChange: () => void) {
    this.onChange = onChange;
    const changed = () => this.changed();
    this.named = { ...modelFields(changed), ...trainingFields(changed), ...regularizationFields(changed) };
    this.fields = new Fields(this.named);
    const { model, hidden, act, layers, init } = this.named;
    const { loss, opt, lr, sched, batch, length, unit } = this.named;
    const { reg, dropout, examples, validation, seed } = this.named;
    const group = (title: string, ...fields: { element: HTMLElement }[]) =>
      h("fieldset", {}, h("legend", {}, title), ...fields.map((field) => field.element));
    this.element = h(
      "form",
      { class: "setup", onsubmit: (event: Event) => event.preventDefault() },
      group("Model", model, hidden, act, layers, init),
      group("Training", loss, opt, lr, sched, batch, length, unit),
      group("Regularisation and data", reg, dropout, examples, validation, seed),
    );
    this.showFields();
  }

  /** The request to the engine. */
  setup(): Setup {
    const { init, seed, examples, validation } = this.named;
    return {
      layers: this.layers(),
      init: ENGINE_INITS[init.get()],
      seed: Math.round(seed.get()),
      examples: Math.round(examples.get()),
      validation: Math.round(validation.get()),
      settings: this.settings(),
    };
  }

  /** Whether the model is linear: its first layer holds templates of the classes. */
  isLinear(): boolean {
    return this.layers() === "";
  }

  /** A name for the run: the model, and every setting that differs from the lecture's. */
  title(): string {
    const { loss, opt, lr } = this.named;
    const main = `${this.layers() || "linear"} · ${loss.get()} · ${OPTIMIZERS[opt.get()]}, ${lr.get()}`;
    return [main, ...this.otherSettings()].join(" · ");
  }

  private otherSettings(): string[] {
    const { init, sched, batch, length, unit, reg, dropout, examples, validation, seed } = this.named;
    const words: [boolean, string][] = [
      [init.get() !== "small" && !this.isLinear(), `${INITS[init.get()]} init`],
      [sched.get() !== "constant", SCHEDULES[sched.get()]],
      [batch.get() !== 20, `batch ${batch.get()}`],
      [length.get() !== 1500 || unit.get() !== "iterations", `${length.get()} ${UNITS[unit.get()]}`],
      [reg.get() !== 1e-5, `L2 ${reg.get()}`],
      [dropout.get() > 0 && !this.isLinear(), `dropout ${dropout.get()}`],
      [examples.get() !== 55000, `${examples.get()} images`],
      [validation.get() !== 1000, `${validation.get()} validation images`],
      [seed.get() !== 0, `seed ${seed.get()}`],
    ];
    return words.flatMap(([differs, text]) => (differs ? [text] : []));
  }

  toState(): URLSearchParams {
    return this.fields.toState();
  }

  restore(state: URLSearchParams): void {
    this.fields.restore(state);
    this.changed();
  }

  enable(on: boolean): void {
    this.fields.enable(on);
  }

  private changed(): void {
    this.showFields();
    this.onChange();
  }

  /** Hides the fields that the chosen model does not have. */
  private showFields(): void {
    const { model, hidden, act, layers, init, dropout } = this.named;
    const kind = model.get();
    hidden.element.hidden = kind !== "network";
    act.element.hidden = kind === "linear" || kind === "custom";
    layers.element.hidden = kind !== "custom";
    // A linear classifier starts from zeros and has no hidden units to drop.
    init.element.hidden = kind === "linear";
    dropout.element.hidden = kind === "linear";
  }

  private layers(): string {
    const { model, hidden, layers, act } = this.named;
    const activation = ENGINE_ACTIVATIONS[act.get()];
    const activated = (layer: string) => (activation ? `${layer} ${activation}` : layer);
    switch (model.get()) {
      case "linear":
        return "";
      case "network": {
        const sizes = hidden.get().split(" ");
        // With its output layer: otherwise a last hidden layer without activation would become the output.
        return [...sizes.map((units) => activated(`dense${units}`)), "dense10"].join(" ");
      }
      case "convolution": {
        const [first, second, last] = ["conv5-8", "conv5-16", "dense64"].map(activated);
        return `${first} pool ${second} pool flatten ${last} dense10`;
      }
      case "custom":
        return layers.get();
    }
  }

  private settings(): Setup["settings"] {
    const { loss, reg, batch, length, unit, lr, sched, opt, dropout, examples } = this.named;
    const count = Math.round(length.get());
    const size = Math.round(batch.get());
    const epochs = unit.get() === "epochs";
    const all = Math.round(examples.get());
    const steps = epochs ? count * Math.ceil(all / Math.min(size, all)) : count;
    return {
      loss: loss.get() === "svm" ? { svm: { margin: 1 } } : "softmax",
      reg: reg.get(),
      batch: size,
      length: epochs ? { epochs: count } : { iterations: count },
      learning_rate: lr.get(),
      schedule: ENGINE_SCHEDULES[sched.get()],
      optimizer: ENGINE_OPTIMIZERS[opt.get()],
      validate_every: Math.max(1, Math.ceil(steps / 20)),
      ...(dropout.get() > 0 && !this.isLinear() ? { dropout: dropout.get() } : {}),
    };
  }
}

const modelFields = (changed: () => void) => ({
  model: choice("Model", MODELS, "network", changed),
  hidden: unitsField("Hidden units", "36", 4096, changed),
  act: choice("Activation", ACTIVATIONS, "relu", changed),
  layers: textField("Layers", "conv5-8 relu pool flatten dense64 relu", changed, "the output layer is added"),
  init: choice("Initial weights", INITS, "small", changed),
});

const trainingFields = (changed: () => void) => ({
  loss: choice("Loss", LOSSES, "svm", changed),
  opt: choice("Optimizer", OPTIMIZERS, "sgd", changed),
  lr: numeric("Learning rate", 0.1, { min: 1e-6, max: 100, step: "any" }, changed),
  sched: choice("Learning-rate schedule", SCHEDULES, "constant", changed),
  batch: numeric("Batch size", 20, { min: 1, max: 5000 }, changed),
  length: numeric("Train for", 1500, { min: 1, max: 1_000_000 }, changed),
  unit: choice("Unit", UNITS, "iterations", changed),
});

const regularizationFields = (changed: () => void) => ({
  reg: numeric("L2 regularisation", 1e-5, { min: 0, max: 10, step: "any" }, changed),
  dropout: numeric("Dropout", 0, { min: 0, max: 0.9, step: 0.1 }, changed),
  examples: numeric("Training images", 55000, { min: 10, max: 55000 }, changed),
  validation: numeric("Validation images", 1000, { min: 100, max: 5000 }, changed),
  seed: numeric("Seed", 0, { min: 0, max: 1e9 }, changed),
});
