// Understand, the exercise: the lecture's cat, dog or bird, where every number can be changed.

import { announce } from "../../announce";
import { button } from "../../components/field";
import { NetworkDrawing, type NodePlace } from "../../components/network";
import { h, messageOf } from "../../dom";
import { engine } from "../../engine";
import { entry, fixed, parenthesized } from "../../format";
import type { Numbers, Worked } from "../../protocol";
import type { Mounted, SaveState, View } from "../../router";
import { Matrices, type Unit } from "./matrices";
import { CLASSES, lectureNumbers, restoreNumbers, saveNumbers } from "./numbers";

const DRAWING =
  "Each line is a product of a value and a weight: the thicker, the larger, and orange if it is negative. " +
  "Press a unit or a class to see only its products, with their sum below.";

export const exercise: View = {
  name: "exercise",
  title: "Exercise",
  mount: (root, state, save) => new ExerciseView(root, state, save),
};

class ExerciseView implements Mounted {
  private numbers: Numbers = lectureNumbers();
  private matrices: Matrices | null = null;
  /** The unit whose sum is written out. */
  private selected: Unit = [1, 0];
  /** Counts the requests, so that only the answer to the last one is shown. */
  private version = 0;
  private readonly save: SaveState;
  private readonly answer = h("p", { class: "answer-line" });
  private readonly drawing = new NetworkDrawing([4, 4, 3], {
    label: "Pixels, hidden units and classes of the network",
    names: [["x1", "x2", "x3", "x4"], [], CLASSES],
    hasPicture: false,
    onSelect: (place) => this.selectNode(place),
  });
  private readonly place = h("div", {});
  private readonly sum = h("div", { class: "written" });
  private readonly note = h("p", { class: "field-note", "aria-live": "polite" });
  private readonly problem = h("p", { class: "problem", role: "alert" });

  constructor(root: HTMLElement, state: URLSearchParams, save: SaveState) {
    this.save = save;
    root.append(
      h("h1", {}, "The exercise"),
      h(
        "p",
        { class: "lede" },
        "Does an image of four pixels show a cat, a dog or a bird? Change any number of the lecture’s " +
          "two-layer network, and select a unit or a class to see its sum written out.",
      ),
      this.answer,
      h("div", { class: "exercise-drawing" }, this.drawing.element, h("p", { class: "note" }, DRAWING)),
      this.note,
      this.place,
      this.sum,
      this.problem,
      h(
        "div",
        { class: "tools" },
        button("Reset to the lecture’s numbers", () => this.use(lectureNumbers())),
      ),
    );
    this.restore(state);
  }

  restore(state: URLSearchParams): void {
    const [layer, unit = 0] = (state.get("show") ?? "1.0").split(".").map(Number);
    this.selected = layer === 2 ? [2, Math.min(2, Math.max(0, unit))] : [1, Math.min(3, Math.max(0, unit))];
    this.use(restoreNumbers(state));
  }

  private use(numbers: Numbers): void {
    this.numbers = numbers;
    this.matrices = new Matrices(
      numbers,
      (why) => {
        this.note.textContent = why;
        void this.compute();
      },
      (unit) => {
        this.selected = unit;
        void this.compute();
      },
    );
    this.place.replaceChildren(this.matrices.element);
    void this.compute();
  }

  private selectNode(place: NodePlace | null): void {
    if (!place || place[0] === 0) return;
    this.selected = [place[0] === 1 ? 1 : 2, place[1]];
    void this.compute();
  }

  private draw({ h: hidden, scores, products1, products2, class: winner }: Worked): void {
    const products = [products1, products2];
    this.drawing.show({
      columns: [this.numbers.x, hidden, scores],
      product: (column, from, to) => products[column]?.[from]?.[to] ?? 0,
      winner,
    });
  }

  private async compute(): Promise<void> {
    const own = ++this.version;
    try {
      const worked = await engine.exercise(this.numbers);
      if (own !== this.version) return;
      this.problem.textContent = "";
      this.matrices?.show(worked, this.selected);
      this.showAnswer(worked);
      this.draw(worked);
      this.sum.replaceChildren(...writtenSum(this.numbers, worked, this.selected));
      announce(`${this.answer.textContent} ${this.sum.textContent}`);
      this.saveState();
    } catch (error) {
      if (own !== this.version) return;
      // Nothing of the last answer stays next to an error.
      this.problem.textContent = messageOf(error);
      this.answer.replaceChildren();
      this.sum.replaceChildren();
    }
  }

  private showAnswer({ class: winner, losses: [svm, softmax] }: Worked): void {
    this.answer.replaceChildren(
      "The prediction is ",
      h("strong", {}, CLASSES[winner] ?? ""),
      ". If the true class is ",
      h("span", { class: "inline-choice" }, ...CLASSES.map((name, label) => this.labelButton(name, label))),
      `, the SVM loss is ${entry(svm)} and the softmax loss ${fixed(softmax, 3)}.`,
    );
  }

  private labelButton(name: string, label: number): HTMLElement {
    const choose = () => {
      this.numbers.label = label;
      void this.compute();
    };
    const pressed = String(label === this.numbers.label);
    return h("button", { type: "button", "aria-pressed": pressed, onclick: choose }, name);
  }

  private saveState(): void {
    const state = new URLSearchParams();
    saveNumbers(this.numbers, state);
    state.set("show", this.selected.join("."));
    this.save(state);
  }
}

/** The sum of a unit, first with its factors, then with its products, and the activation or prediction. */
function writtenSum(numbers: Numbers, worked: Worked, [layer, unit]: Unit): HTMLElement[] {
  const hidden = layer === 1;
  const name = hidden ? `z${unit + 1}` : (CLASSES[unit] ?? "");
  const from = hidden ? numbers.x : worked.h;
  const weights = hidden ? numbers.w1 : numbers.w2;
  const products = hidden ? worked.products1 : worked.products2;
  const bias = (hidden ? numbers.b1 : numbers.b2)[unit] ?? 0;
  const total = (hidden ? worked.z : worked.scores)[unit] ?? 0;
  const factors = from.map((v, i) => `${fixed(v, 1)} · ${parenthesized(weights[i]?.[unit] ?? 0)}`);
  const terms = [...products.map((row) => row[unit] ?? 0), bias].map(parenthesized);
  const lines = [
    h("p", {}, h("b", {}, `${name} = `), `${factors.join(" + ")} + ${parenthesized(bias)}`),
    h("p", {}, `= ${terms.join(" + ")} = `, h("b", {}, entry(total))),
  ];
  if (!hidden) return [...lines, h("p", {}, "The class with the largest score is predicted.")];
  const h1 = worked.h[unit] ?? 0;
  const relu = `h${unit + 1} = max(0, ${entry(total)}) = `;
  const off = h1 === 0 ? ": this unit is inactive." : "";
  return [...lines, h("p", {}, relu, h("b", {}, entry(h1)), off)];
}
