// The verdict: a sentence, and the answers of all models as a matrix of models × classes.

import { announce } from "../../announce";
import { button } from "../../components/field";
import { h } from "../../dom";
import { fixed, percent } from "../../format";
import { type Announced, type Model, SHIPPED } from "../../models";
import type { Prediction, Predictions, Thresholds } from "../../protocol";
import { answersOf, hasClassesOf, sentence } from "./answers";

const INVITATION = "Draw a digit, or press one: four models classify it while you draw.";

/** Called with the class whose template the linear classifiers show, or −1 for the predicted one. */
type Select = (index: number) => void;

/** The panel at the top of the predictions. */
export class VerdictPanel {
  readonly element: HTMLElement;
  /** The thresholds of "not a digit", once they are loaded. */
  thresholds: Thresholds | null = null;

  private readonly select: Select;
  private readonly words = h("p", { class: "sentence" }, "Loading four models …");
  private readonly head = h("tr", {});
  private readonly body = h("tbody", {});
  private rows: MatrixRow[] = [];

  constructor(select: Select) {
    this.select = select;
    const table = h("table", { class: "matrix-of-answers" }, h("thead", {}, this.head), this.body);
    table.setAttribute("aria-label", "Predictions: a row for each model, a column for each class");
    this.element = h("section", { class: "verdict empty", "aria-label": "Verdict" }, this.words, table);
    this.body.append(...SHIPPED.map(loadingRow));
  }

  /** Sets the models, each with its row. */
  setModels(models: Model[]): void {
    const classes = models[0]?.about.classes ?? [];
    const corner = [h("td", {}), h("td", {})];
    this.head.replaceChildren(...corner, ...classes.map((name) => h("th", { scope: "col" }, name)));
    this.rows = models.map((model) => new MatrixRow(model, models[0], this.select));
    this.body.replaceChildren(...this.rows.map((row) => row.element));
  }

  show(predictions: Predictions | null, models: Model[]): void {
    const answers = predictions && answersOf(predictions, models);
    const names = new Set(answers?.same.map(({ name }) => name));
    const isDigit = predictions?.verdict?.is_digit ?? true;
    this.element.classList.toggle("empty", !predictions);
    this.element.classList.toggle("no-digit", !isDigit);
    this.element.classList.toggle("disagreement", names.size > 1);
    this.element.dataset.digit = predictions ? String(isDigit) : "";
    const found = new Map(predictions?.models ?? []);
    for (const row of this.rows) row.show(found.get(row.model.name) ?? null, answers?.majority ?? null);
    const words = predictions && answers ? sentence(predictions, answers, this.thresholds) : [INVITATION];
    this.words.replaceChildren(...words);
    if (predictions) announce(this.words.textContent ?? "");
  }

  /** Shows why a picture is rejected before any model sees it. */
  showRejection(reason: string): void {
    this.showProblem(reason);
    this.element.dataset.digit = "false";
  }

  /** Shows an error in the place of the sentence; `retry` is offered as a button. */
  showProblem(message: string, retry?: () => void): void {
    this.words.replaceChildren(h("strong", {}, message), retry ? button("Try again", retry) : "");
    announce(message);
  }
}

/** The place of a model that is not loaded yet. */
function loadingRow({ title, color }: Announced): HTMLElement {
  const row = h("tr", {}, h("th", { scope: "row" }, title), h("td", { class: "answer", colSpan: 11 }, "…"));
  row.style.setProperty("--own", `var(${color})`);
  return row;
}

/** A row of the matrix: a model, its answer, and a cell for each class. */
class MatrixRow {
  readonly element: HTMLElement;
  readonly model: Model;

  private readonly answer = h("td", { class: "answer" });
  private readonly cells: HTMLElement[];
  private readonly isComparable: boolean;
  private winner = -1;

  /** A model with other classes than the first one has no cells: the columns are those of the first. */
  constructor(model: Model, first: Model | undefined, select: Select) {
    this.model = model;
    this.isComparable = hasClassesOf(first, model);
    const choose = (index: number) => select(index === this.winner ? -1 : index);
    const { classes, kind } = model.about;
    this.cells = this.isComparable ? classes.map((name, i) => cell(name, kind, () => choose(i))) : [];
    const places = this.isComparable
      ? this.cells.map((one) => h("td", {}, one))
      : [h("td", { colSpan: first?.about.classes.length ?? 1, class: "note" }, "other classes: see below")];
    const title = h("th", { scope: "row" }, model.title);
    this.element = h("tr", { "data-model": model.name, "data-class": "" }, title, this.answer, ...places);
    this.element.style.setProperty("--own", `var(${model.color})`);
  }

  show(prediction: Prediction | null, majority: string | null): void {
    this.winner = prediction?.class ?? -1;
    const name = prediction ? (this.model.about.classes[prediction.class] ?? "") : "·";
    this.answer.textContent = name;
    this.element.dataset.class = String(prediction?.class ?? "");
    const alone = this.isComparable && prediction !== null && majority !== null && name !== majority;
    this.element.classList.toggle("alone", alone);
    this.element.classList.toggle("long", name.length > 3);
    const values = prediction ? strengths(prediction) : null;
    this.cells.forEach((one, i) => {
      const { strength, text } = values?.[i] ?? { strength: 0, text: "" };
      one.style.setProperty("--strength", `${Math.round(100 * strength)}%`);
      one.classList.toggle("strong", strength > 0.55);
      one.textContent = text;
      const description = `${this.model.about.classes[i]}: ${text || "none"}`;
      if (prediction) one.title = description;
      if (one instanceof HTMLButtonElement) {
        one.setAttribute("aria-label", `Template of ${description}`);
        one.setAttribute("aria-pressed", String(i === prediction?.products?.class));
      }
    });
  }
}

/** In the row of a linear classifier, a cell is a button that shows the template of its class. */
function cell(name: string, kind: string, choose: () => void): HTMLElement {
  if (kind !== "linear") return h("span", { class: "cell" });
  return h("button", { type: "button", class: "cell", "aria-label": `Template of ${name}`, onclick: choose });
}

/** How strongly each class is predicted, from 0 to 1, with its number: votes, probabilities, or scores. */
function strengths({ votes, probabilities, scores }: Prediction): { strength: number; text: string }[] {
  if (votes) {
    const all = votes.reduce((sum, v) => sum + v, 0) || 1;
    return votes.map((v) => ({
      strength: v / all,
      text: v > 0 ? fixed(v, Number.isInteger(v) ? 0 : 1) : "",
    }));
  }
  if (probabilities) {
    return probabilities.map((p) => ({
      strength: p,
      text: p >= 0.005 ? percent(p, 0).replace(" %", "") : "",
    }));
  }
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  // Scores are compared with one another; a power makes the differences near the top visible.
  return scores.map((v) => ({ strength: ((v - low) / (high - low || 1)) ** 3, text: fixed(v, 0) }));
}
