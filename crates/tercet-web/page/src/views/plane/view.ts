// Understand, the plane: points of two classes, and how each classifier divides the plane while it learns.

import { button, choice, line, numeric, tick } from "../../components/field";
import { h, said } from "../../dom";
import { engine } from "../../engine";
import { count, percent, short } from "../../format";
import type { PlaneView, Point, Scene } from "../../protocol";
import type { View } from "../../router";
import { color, mayMove } from "../../theme";

/** The plane goes from −SIDE to SIDE, as in plane.rs. */
const SIDE = 1.2;
/** Places looked at, across and down. */
const CELLS = 80;
/** Batches in all: more than anybody waits for. */
const LENGTH = 200_000;

const POINTS = {
  xor: "XOR",
  moons: "moons",
  circles: "circles",
  spiral: "spiral",
  blobs: "two heaps",
  mine: "placed by hand",
} as const;
const MODELS = {
  perceptron: "perceptron",
  neighbors: "nearest neighbours",
  linear: "linear classifier",
  network: "network",
} as const;
const ACTIVATIONS = { relu: "ReLU", tanh: "tanh", sigmoid: "sigmoid", none: "none" } as const;

export const plane: View = {
  name: "plane",
  title: "Plane",
  mount(root, state, keep) {
    let points: Point[] = [];
    let mine: Point[] = [];
    let view: PlaneView | null = null;
    let running = false;
    let gone = false;
    let version = 0;

    const changed = () => {
      refresh();
      keep(toState());
      void begin();
    };
    const fields = {
      points: choice("Points", POINTS, "xor", changed),
      count: numeric("How many", 200, { min: 10, max: 600, step: 10 }, changed),
      noise: numeric("Noise", 0.05, { min: 0, max: 0.5, step: 0.01 }, changed),
      seed: numeric("Seed", 1, { min: 0, max: 1e6 }, changed),
      model: choice("Classifier", MODELS, "network", changed),
      k: numeric("k", 3, { min: 1, max: 99, step: 2 }, changed),
      hidden: line("Hidden units", "8", changed, "8, or 8 8 for two layers"),
      act: choice("Activation", ACTIVATIONS, "relu", changed),
      lr: numeric("Learning rate", 0.1, { min: 1e-4, max: 10, step: "any" }, changed),
      batch: numeric("Batch", 20, { min: 1, max: 600 }, changed),
    };
    const names = Object.keys(fields) as (keyof typeof fields)[];
    const defaults = new Map(names.map((name) => [name, String(fields[name].get())]));
    const second = tick("Place points of the second class", false, () => undefined);
    const canvas = h("canvas", {
      class: "plane-canvas",
      width: 640,
      height: 640,
      role: "img",
      tabIndex: 0,
      "aria-label": "The plane",
    });
    const status = h("p", { class: "status", role: "status" });
    const remark = h("p", { class: "remark" });

    const refresh = () => {
      const kind = fields.model.get();
      const learns = kind === "linear" || kind === "network";
      fields.k.element.hidden = kind !== "neighbors";
      fields.hidden.element.hidden = fields.act.element.hidden = kind !== "network";
      fields.lr.element.hidden = fields.batch.element.hidden = !learns;
      const byHand = fields.points.get() === "mine";
      fields.count.element.hidden = fields.noise.element.hidden = fields.seed.element.hidden = byHand;
      place.hidden = !byHand;
      start.hidden = step.hidden = kind === "neighbors";
      remark.textContent = remarks(kind, fields.act.get(), fields.points.get());
    };
    const toState = (): URLSearchParams => {
      const state = new URLSearchParams();
      for (const name of names) {
        const value = String(fields[name].get());
        if (value !== defaults.get(name)) state.set(name, value);
      }
      if (mine.length)
        state.set(
          "mine",
          mine.map(([x, y, c]) => `${Math.round(x * 100)},${Math.round(y * 100)},${c}`).join(";"),
        );
      return state;
    };
    const scene = (): Scene => {
      const act = fields.act.get() === "none" ? "" : ` ${fields.act.get()}`;
      const layers =
        fields.model.get() === "network"
          ? (fields.hidden.get().match(/\d+/g) ?? ["8"])
              .map((units) => `dense${Math.min(64, Number(units))}${act}`)
              .concat("dense2")
              .join(" ")
          : "";
      return {
        points: fields.points.get(),
        count: fields.count.get(),
        noise: fields.noise.get(),
        seed: fields.seed.get(),
        mine,
        model: fields.model.get() === "linear" ? "network" : fields.model.get(),
        k: fields.k.get(),
        setup: {
          layers,
          init: "he",
          seed: 1,
          examples: 2000,
          validation: 1,
          settings: {
            loss: "softmax",
            reg: 0,
            batch: fields.batch.get(),
            length: { iterations: LENGTH },
            learning_rate: fields.lr.get(),
            check_every: LENGTH,
            optimizer: { sgd: { momentum: 0.9 } },
          },
        },
      };
    };

    const begin = async () => {
      const own = ++version;
      running = false;
      label();
      try {
        if (fields.points.get() === "mine" && mine.length === 0) {
          points = [];
          view = null;
          status.textContent = "Press in the plane to place points.";
          paint();
          return;
        }
        points = await engine.beginPlane(scene());
        const first = await engine.advancePlane(0, CELLS);
        if (gone || own !== version) return;
        show(first);
      } catch (error) {
        status.textContent = said(error);
      }
    };
    const advance = async (steps: number) => {
      const own = version;
      const next = await engine.advancePlane(steps, CELLS);
      if (!gone && own === version) show(next);
    };
    const go = async () => {
      const own = version;
      running = true;
      label();
      try {
        let steps = 1;
        while (running && !gone && own === version && !(view?.done ?? false)) {
          await advance(steps);
          steps = mayMove() ? Math.min(steps + 1, 20) : 200;
          await new Promise(requestAnimationFrame);
        }
      } catch (error) {
        status.textContent = said(error);
      }
      if (own === version) running = false;
      label();
    };
    const show = (next: PlaneView) => {
      view = next;
      const kind = fields.model.get();
      const learned =
        kind === "neighbors"
          ? "Everything is remembered"
          : kind === "perceptron"
            ? `${count(next.step)} points shown`
            : `batch ${count(next.step)}`;
      const loss =
        next.loss === null
          ? ""
          : kind === "perceptron"
            ? `, ${next.loss} mistakes in the last of them`
            : `, loss ${short(next.loss)}`;
      status.textContent =
        `${learned}${loss}; ${percent(next.accuracy)} of the points ` +
        `right${next.done && kind === "perceptron" ? ": it has settled" : ""}.`;
      canvas.setAttribute("aria-label", `${points.length} points of two classes. ${status.textContent}`);
      paint();
    };

    const paint = () => {
      const context = canvas.getContext("2d");
      if (!context) return;
      const [zero, first, other] = [color("--raised"), color("--class-a"), color("--class-b")];
      context.clearRect(0, 0, canvas.width, canvas.height);
      if (view) {
        const image = new ImageData(CELLS, CELLS);
        view.cells.forEach((value, i) => {
          const towards = value > 0 ? other : first;
          // A step at the border, so that it is seen, and a slope behind it.
          const share = 0.18 + 0.42 * Math.min(1, Math.abs(value));
          for (let c = 0; c < 3; c++)
            image.data[4 * i + c] = (zero[c] ?? 0) + ((towards[c] ?? 0) - (zero[c] ?? 0)) * share;
          image.data[4 * i + 3] = 255;
        });
        const small = document.createElement("canvas");
        small.width = small.height = CELLS;
        small.getContext("2d")?.putImageData(image, 0, 0);
        context.imageSmoothingEnabled = true;
        context.drawImage(small, 0, 0, canvas.width, canvas.height);
      }
      const at = (v: number) => ((v / SIDE + 1) / 2) * canvas.width;
      for (const [x, y, c] of points.length ? points : mine) {
        context.beginPath();
        if (c === 1) context.arc(at(x), at(-y), 7, 0, 2 * Math.PI);
        else context.rect(at(x) - 6, at(-y) - 6, 12, 12);
        context.fillStyle = `rgb(${(c === 1 ? other : first).join(" ")})`;
        context.fill();
        context.lineWidth = 2;
        context.strokeStyle = `rgb(${color("--raised").join(" ")})`;
        context.stroke();
      }
    };

    canvas.addEventListener("click", (event) => {
      if (fields.points.get() !== "mine") return;
      const box = canvas.getBoundingClientRect();
      const side = (value: number, from: number, length: number) =>
        Math.round((2 * ((value - from) / length) - 1) * SIDE * 100) / 100;
      mine.push([
        side(event.clientX, box.left, box.width),
        -side(event.clientY, box.top, box.height),
        second.get() || event.shiftKey ? 1 : 0,
      ]);
      changed();
    });

    const start = button(
      "Train",
      () => {
        if (running) running = false;
        else void go();
      },
      "primary",
    );
    const step = button("One step", () => {
      running = false;
      advance(1).catch((error: unknown) => (status.textContent = said(error)));
    });
    const label = () => (start.textContent = running ? "Pause" : "Train");
    const place = h(
      "div",
      { class: "tools" },
      second.element,
      button("Remove all", () => {
        mine = [];
        changed();
      }),
    );
    root.append(
      h("h1", {}, "The plane"),
      h(
        "p",
        { class: "lede" },
        "Two numbers instead of 784 pixels: now the whole space can be seen, and which part of it each " +
          "classifier gives to whom.",
      ),
      h(
        "div",
        { class: "two" },
        h(
          "div",
          {},
          canvas,
          status,
          h(
            "div",
            { class: "tools" },
            start,
            step,
            button("Begin anew", () => void begin()),
          ),
          place,
          remark,
        ),
        h(
          "form",
          { class: "setup", onsubmit: (event: Event) => event.preventDefault() },
          h(
            "fieldset",
            {},
            h("legend", {}, "Points"),
            ...(["points", "count", "noise", "seed"] as const).map((name) => fields[name].element),
          ),
          h(
            "fieldset",
            {},
            h("legend", {}, "Classifier"),
            ...(["model", "k", "hidden", "act", "lr", "batch"] as const).map((name) => fields[name].element),
          ),
        ),
      ),
    );
    const restore = (given: URLSearchParams) => {
      for (const name of names) {
        const value = given.get(name) ?? defaults.get(name) ?? "";
        const field = fields[name] as { get(): unknown; set(value: unknown): void };
        field.set(typeof field.get() === "number" ? Number(value) : value);
      }
      mine = (given.get("mine") ?? "")
        .split(";")
        .filter(Boolean)
        .slice(0, 600)
        .map((text) => {
          const [x = 0, y = 0, c = 0] = text.split(",").map(Number);
          return [x / 100, y / 100, c === 1 ? 1 : 0] as Point;
        })
        .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
      refresh();
      void begin();
    };
    document.addEventListener("themechange", paint);
    restore(state);
    return {
      restore,
      unmount() {
        gone = true;
        running = false;
        document.removeEventListener("themechange", paint);
      },
    };
  },
};

function remarks(model: string, activation: string, points: string): string {
  if (model === "network" && activation === "none") {
    return (
      "Without an activation, layers of weights are one layer of weights: W₂(W₁x) = (W₂W₁)x. The " +
      "border is a line again, however many units there are."
    );
  }
  if ((model === "linear" || model === "perceptron") && points !== "blobs") {
    return (
      `No line divides these points, and ` +
      `${model === "linear" ? "a linear classifier" : "a perceptron"} knows nothing else.`
    );
  }
  if (model === "perceptron")
    return (
      "The perceptron changes only when it is wrong. Where a line divides the points it settles; " +
      "press Train."
    );
  if (model === "neighbors")
    return "Nothing is trained. A larger k makes smoother borders and forgives single points.";
  if (model === "linear") return "Two heaps: a line will do.";
  return "Each hidden unit folds the plane along a line; behind the folds, a line is enough.";
}
