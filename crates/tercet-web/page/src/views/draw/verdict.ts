// The verdict: the predictions side by side, and a sentence that sums them up.

import { h } from "../../dom";
import { fixed } from "../../format";
import type { Model } from "../../models";
import type { Predictions, Thresholds, Verdict } from "../../protocol";

const COUNTS = ["", "", "two", "three", "four", "five", "six"];

/** The class that a model predicts, if there is a drawing. */
interface Answer {
  model: Model;
  class: number | undefined;
}

/** The panel at the top of the predictions. */
export class VerdictPanel {
  readonly element: HTMLElement;
  /** The thresholds of "not a digit", once they are loaded. */
  thresholds: Thresholds | null = null;

  private readonly chips = h("div", { class: "chips" });
  private readonly sentence = h("p", { class: "sentence", role: "status" });

  constructor() {
    const properties = { class: "verdict", "aria-label": "Verdict" };
    this.element = h("section", properties, this.chips, this.sentence);
  }

  show(predictions: Predictions | null, models: Model[]): void {
    const found = new Map(predictions?.models ?? []);
    const answers = models.map((model) => ({ model, class: found.get(model.name)?.class }));
    const classes = new Set(answers.map((answer) => answer.class).filter((index) => index !== undefined));
    const isDigit = predictions?.verdict?.is_digit ?? true;
    const most = mostFrequent(answers);
    this.element.classList.toggle("empty", !predictions);
    this.element.classList.toggle("no-digit", !isDigit);
    this.element.classList.toggle("disagreement", classes.size > 1);
    this.element.dataset.digit = predictions ? String(isDigit) : "";
    this.chips.replaceChildren(...answers.map((answer) => chip(answer, most)));
    this.sentence.replaceChildren(...this.words(predictions, answers, most, classes.size));
  }

  showProblem(message: string): void {
    this.sentence.textContent = message;
  }

  private words(
    predictions: Predictions | null,
    answers: Answer[],
    most: number,
    classes: number,
  ): (Node | string)[] {
    if (!predictions) return ["Draw a digit. Every model classifies it while you draw."];
    const { verdict } = predictions;
    if (verdict && !verdict.is_digit && this.thresholds) return rejection(verdict, this.thresholds);
    return classes === 1 ? agreement(answers, most) : disagreement(answers, most);
  }
}

/** The class that most models predict; of several, the first. */
function mostFrequent(answers: Answer[]): number {
  const counts = new Map<number, number>();
  for (const { class: index } of answers)
    if (index !== undefined) counts.set(index, (counts.get(index) ?? 0) + 1);
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? -1;
}

const className = ({ model }: Answer, index: number): string => model.about.classes[index] ?? "";

function chip(answer: Answer, most: number): HTMLElement {
  const { model, class: index } = answer;
  const alone = index !== undefined && index !== most;
  const element = h(
    "div",
    { class: alone ? "chip alone" : "chip", "data-model": model.name, "data-class": String(index ?? "") },
    h("b", {}, index === undefined ? "·" : className(answer, index)),
    h("span", {}, model.title),
  );
  element.style.setProperty("--own", `var(${model.color})`);
  return element;
}

function rejection({ distances }: Verdict, { most }: Thresholds): (Node | string)[] {
  const { seen, pixels } = distances;
  const why =
    seen > most.seen
      ? "in the last hidden layer of the convolutional network, no stored image is close " +
        `(the nearest is at distance ${fixed(seen, 2)}; for held-out digits, it is at most ` +
        `${fixed(most.seen, 2)})`
      : `no stored image is close (the nearest is at distance ${fixed(pixels, 0)}; for held-out digits, ` +
        `it is at most ${fixed(most.pixels, 0)})`;
  return [h("strong", {}, "Probably not a digit"), `: ${why}. A classifier predicts a class all the same.`];
}

function agreement(answers: Answer[], most: number): (Node | string)[] {
  const [first] = answers;
  const name = first ? className(first, most) : String(most);
  return [`All ${COUNTS[answers.length] ?? answers.length} models predict `, h("strong", {}, name), "."];
}

function disagreement(answers: Answer[], most: number): (Node | string)[] {
  const [first] = answers;
  const others = answers.flatMap((answer) =>
    answer.class === undefined || answer.class === most
      ? []
      : [`${answer.model.title.toLowerCase()}: ${className(answer, answer.class)}`],
  );
  return [
    h("strong", {}, "The models disagree: "),
    `most predict ${first ? className(first, most) : most}; `,
    others.join(", "),
    ".",
  ];
}
