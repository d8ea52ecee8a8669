// What is trained, and how: the form, the address, and what the engine is asked.

import { choice, type Field, line, numeric } from "../../components/field";
import { h } from "../../dom";
import type { Setup } from "../../protocol";

const MODELS = {
  linear: "Linear classifier",
  network: "Network",
  convolution: "Convolutional network",
  words: "Layers in words",
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
  sgd: "plain",
  momentum: "momentum 0.9",
  nesterov: "Nesterov 0.9",
  adam: "Adam",
  adamw: "AdamW",
} as const;
const SCHEDULES = {
  constant: "constant",
  linear: "linear to zero",
  cosine: "cosine",
  cycle: "one cycle",
} as const;
const UNITS = { iterations: "batches", epochs: "epochs" } as const;
const INITS = { he: "He", small: "0.0001 · randn", large: "0.3 · randn" } as const;

const OPTIMIZER = {
  sgd: { sgd: { momentum: 0 } },
  momentum: { sgd: { momentum: 0.9 } },
  nesterov: { nesterov: { momentum: 0.9 } },
  adam: { adam: {} },
  adamw: { adamw: {} },
} as const;
const SCHEDULE = {
  constant: "constant",
  linear: "linear-to-zero",
  cosine: "cosine",
  cycle: { "one-cycle": {} },
} as const;
const INIT = { he: "he", small: { normal: 1e-4 }, large: { normal: 0.3 } } as const;

/** Set-ups to begin with: what differs from the lecture's. */
export const PRESETS: Record<string, Record<string, string>> = {
  "The lecture’s run": {},
  "Linear, SVM loss": {
    model: "linear",
    loss: "svm",
    opt: "momentum",
    sched: "linear",
    lr: "0.05",
    batch: "200",
    length: "3",
    unit: "epochs",
    reg: "0.0001",
  },
  "Better network": {
    hidden: "128",
    loss: "softmax",
    opt: "momentum",
    sched: "linear",
    lr: "0.1",
    batch: "64",
    length: "3",
    unit: "epochs",
    init: "he",
  },
  Convolutions: {
    model: "convolution",
    loss: "softmax",
    opt: "adam",
    sched: "cycle",
    lr: "0.006",
    batch: "64",
    length: "600",
    init: "he",
    reg: "0",
  },
  "Too high a rate": { lr: "2.5", init: "he", length: "400" },
  Overfitting: {
    hidden: "256",
    loss: "softmax",
    opt: "momentum",
    lr: "0.1",
    batch: "50",
    length: "60",
    unit: "epochs",
    init: "he",
    examples: "500",
    reg: "0",
  },
};

export interface Form {
  element: HTMLElement;
  /** What the engine is asked; nothing but numbers and words. */
  setup(): Setup;
  /** A name for the run. */
  title(): string;
  state(): URLSearchParams;
  restore(state: URLSearchParams): void;
  /** A preset: everything else as in the lecture. */
  preset(values: Record<string, string>): void;
  enable(on: boolean): void;
}

export function form(changed: () => void): Form {
  const refresh = () => {
    const kind = fields.model.get();
    fields.hidden.element.hidden = kind !== "network";
    fields.act.element.hidden = kind === "linear" || kind === "words";
    fields.words.element.hidden = kind !== "words";
    changed();
  };
  const fields = {
    model: choice("Model", MODELS, "network", refresh),
    hidden: line("Hidden units", "36", refresh, "36, or 128 64 for two layers"),
    act: choice("Activation", ACTIVATIONS, "relu", refresh),
    words: line(
      "Layers",
      "conv5-8 relu pool flatten dense64 relu",
      refresh,
      "the layer of the scores is added",
    ),
    loss: choice("Loss", LOSSES, "svm", refresh),
    opt: choice("Optimizer", OPTIMIZERS, "sgd", refresh),
    lr: numeric("Learning rate", 0.1, { min: 1e-6, max: 100, step: "any" }, refresh),
    sched: choice("Its course", SCHEDULES, "constant", refresh),
    batch: numeric("Batch", 20, { min: 1, max: 5000 }, refresh),
    length: numeric("Length", 1500, { min: 1, max: 1_000_000 }, refresh),
    unit: choice("counted in", UNITS, "iterations", refresh),
    reg: numeric("Regularisation", 1e-5, { min: 0, max: 10, step: "any" }, refresh),
    dropout: numeric("Dropout", 0, { min: 0, max: 0.9, step: 0.1 }, refresh),
    init: choice("Initial weights", INITS, "small", refresh),
    examples: numeric("Training images", 55000, { min: 10, max: 55000 }, refresh),
    validation: numeric("Validation images", 1000, { min: 100, max: 5000, step: 100 }, refresh),
    seed: numeric("Seed", 0, { min: 0, max: 1e9 }, refresh),
  };
  const all = Object.entries(fields) as [string, Field<unknown>][];
  const defaults = new Map(all.map(([name, field]) => [name, String(field.get())]));
  const put = (name: string, value: string) => {
    const field = all.find(([known]) => known === name)?.[1];
    if (field) field.set(typeof field.get() === "number" ? Number(value) : value);
  };
  const group = (title: string, ...names: (keyof typeof fields)[]) =>
    h("fieldset", {}, h("legend", {}, title), ...names.map((name) => fields[name].element));

  const layers = (): string => {
    const act = fields.act.get();
    const word = act === "none" ? "" : act === "leaky" ? " leaky0.01" : ` ${act}`;
    switch (fields.model.get()) {
      case "linear":
        return "";
      case "network":
        // The scores are named too: without an activation behind it, the last hidden layer would be taken for
        // them.
        return [
          ...(fields.hidden.get().match(/\d+/g) ?? ["36"]).map((units) => `dense${units}${word}`),
          "dense10",
        ].join(" ");
      case "convolution":
        return `conv5-8${word} pool conv5-16${word} pool flatten dense64${word} dense10`;
      case "words":
        return fields.words.get();
    }
  };
  const element = h(
    "form",
    { class: "setup", onsubmit: (event: Event) => event.preventDefault() },
    group("Model", "model", "hidden", "act", "words", "init"),
    group("Learning", "loss", "opt", "lr", "sched", "batch", "length", "unit"),
    group("Holding back", "reg", "dropout", "examples", "validation", "seed"),
  );
  const self: Form = {
    element,
    setup() {
      const count = Math.round(fields.length.get());
      const examples = Math.round(fields.examples.get());
      const batch = Math.round(fields.batch.get());
      const epochs = fields.unit.get() === "epochs";
      const total = epochs ? count * Math.ceil(examples / Math.min(batch, examples)) : count;
      return {
        layers: layers(),
        init: INIT[fields.init.get()],
        seed: Math.round(fields.seed.get()),
        examples,
        validation: Math.round(fields.validation.get()),
        settings: {
          loss: fields.loss.get() === "svm" ? { svm: { margin: 1 } } : "softmax",
          reg: fields.reg.get(),
          batch,
          length: epochs ? { epochs: count } : { iterations: count },
          learning_rate: fields.lr.get(),
          schedule: SCHEDULE[fields.sched.get()],
          optimizer: OPTIMIZER[fields.opt.get()],
          check_every: Math.max(1, Math.ceil(total / 20)),
          ...(fields.dropout.get() > 0 ? { dropout: fields.dropout.get() } : {}),
        },
      };
    },
    title() {
      const model = layers() || "linear";
      return `${model} · ${fields.loss.get()} · ${OPTIMIZERS[fields.opt.get()]}, ${fields.lr.get()}`;
    },
    state() {
      const state = new URLSearchParams();
      for (const [name, field] of all) {
        const value = String(field.get());
        if (value !== defaults.get(name)) state.set(name, value);
      }
      return state;
    },
    restore(state) {
      for (const [name] of all) put(name, state.get(name) ?? defaults.get(name) ?? "");
      refresh();
    },
    preset: (values) => self.restore(new URLSearchParams(values)),
    enable: (on) => all.forEach(([, field]) => field.enable(on)),
  };
  refresh();
  return self;
}
