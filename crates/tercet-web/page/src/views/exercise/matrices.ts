// The matrices of the exercise as tables: inputs for the given numbers, outputs for the computed ones.

import { weight } from "../../components/field";
import { h } from "../../dom";
import { entry } from "../../format";
import type { Numbers, Worked } from "../../protocol";
import { CLASSES } from "./numbers";

/** A unit of layer 1 or 2: a column of W1 or W2. */
export type Unit = [layer: 1 | 2, unit: number];

/** A row of a table: its name and its cells. */
type Row = [string, HTMLElement[]];

/** The three tables of a set of numbers. */
export class Matrices {
  readonly element: HTMLElement;

  private readonly numbers: Numbers;
  private readonly onEdit: (why: string) => void;
  private readonly onSelect: (unit: Unit) => void;
  private readonly z: HTMLElement[];
  private readonly h: HTMLElement[];
  private readonly scores: HTMLElement[];

  /**
   * The inputs change `numbers` and call `onEdit`, with the reason if another number than the typed one is
   * used. Pressing a unit calls `onSelect`.
   */
  constructor(numbers: Numbers, onEdit: (why: string) => void, onSelect: (unit: Unit) => void) {
    this.numbers = numbers;
    this.onEdit = onEdit;
    this.onSelect = onSelect;
    this.z = numbers.b1.map(() => h("output", {}));
    this.h = numbers.b1.map(() => h("output", {}));
    this.scores = numbers.b2.map(() => h("output", {}));
    this.element = h("div", { class: "exercise" }, this.image(), this.hiddenLayer(), this.outputLayer());
  }

  /** Fills the outputs. */
  show(worked: Worked, selected: Unit): void {
    fill(this.z, worked.z);
    fill(this.h, worked.h);
    fill(this.scores, worked.scores);
    this.h.forEach((cell, j) => cell.classList.toggle("inactive", worked.h[j] === 0));
    this.scores.forEach((cell, c) => cell.classList.toggle("winner", c === worked.class));
    for (const button of this.element.querySelectorAll("[data-unit]")) {
      button.classList.toggle("chosen", button.getAttribute("data-unit") === selected.join("."));
    }
  }

  private image(): HTMLElement {
    const { x } = this.numbers;
    const columns = x.map((_, i) => h("span", {}, `x${i + 1}`));
    return table("X, (1, 4): the image", columns, [["pixel", this.inputs(x, (i) => `x${i + 1}`)]]);
  }

  private hiddenLayer(): HTMLElement {
    const { w1, b1 } = this.numbers;
    const columns = b1.map((_, j) => this.unitButton([1, j], `unit ${j + 1}`));
    return table("W1, (4, 4) and b1: the hidden layer", columns, [
      ...w1.map((row, i): Row => [`x${i + 1}`, this.inputs(row, (j) => `W1 row ${i + 1}, column ${j + 1}`)]),
      ["b1", this.inputs(b1, (j) => `b1 ${j + 1}`)],
      ["z = X·W1 + b1", this.z],
      ["h = max(0, z)", this.h],
    ]);
  }

  private outputLayer(): HTMLElement {
    const { w2, b2 } = this.numbers;
    const columns = CLASSES.map((name, c) => this.unitButton([2, c], name));
    return table("W2, (4, 3) and b2: the scores", columns, [
      ...w2.map((row, j): Row => [`h${j + 1}`, this.inputs(row, (c) => `W2 row ${j + 1}, column ${c + 1}`)]),
      ["b2", this.inputs(b2, (c) => `b2 ${c + 1}`)],
      ["scores", this.scores],
    ]);
  }

  private unitButton(unit: Unit, label: string): HTMLElement {
    const properties = {
      type: "button",
      class: "unit",
      "data-unit": unit.join("."),
      onclick: () => this.onSelect(unit),
    };
    return h("button", properties, label);
  }

  /** An input for each number of an array, which it changes. */
  private inputs(values: number[], label: (index: number) => string): HTMLElement[] {
    return values.map((value, i) => {
      const input = h("input", {
        type: "number",
        step: "any",
        value: String(value),
        "aria-label": label(i),
        onchange: () => {
          const { value, why } = weight(input, values[i] ?? 0);
          values[i] = value;
          input.value = String(value);
          this.onEdit(why);
        },
      });
      return input;
    });
  }
}

function fill(cells: HTMLElement[], values: number[]): void {
  cells.forEach((cell, i) => {
    cell.textContent = entry(values[i] ?? 0);
  });
}

function table(title: string, columns: HTMLElement[], rows: Row[]): HTMLElement {
  const head = h("tr", {}, h("td", {}), ...columns.map((column) => h("th", { scope: "col" }, column)));
  const body = rows.map(([name, cells]) =>
    h("tr", {}, h("th", { scope: "row" }, name), ...cells.map((cell) => h("td", {}, cell))),
  );
  const parts = [h("caption", {}, title), h("thead", {}, head), h("tbody", {}, ...body)];
  return h("div", { class: "scroll" }, h("table", { class: "matrix" }, ...parts));
}
