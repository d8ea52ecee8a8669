// The predictions of all models, compared by the names of their classes, and a sentence that sums them up.

import { h } from "../../dom";
import { fixed } from "../../format";
import type { Model } from "../../models";
import type { Predictions, Thresholds, Verdict } from "../../protocol";

const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight"];

type Words = (Node | string)[];

/** A model with the class that it predicts. */
export interface Answer {
  model: Model;
  class: number;
  name: string;
}

/** The predictions of models with the same classes, and of models with others. */
export interface Answers {
  same: Answer[];
  other: Answer[];
  /** The class that more than half of the models with the same classes predict. */
  majority: string | null;
}

/** Whether a model has the classes of the first one, by name. */
export function hasClassesOf(first: Model | undefined, model: Model): boolean {
  const [own, others] = [model.about.classes, first?.about.classes ?? []];
  return own.length === others.length && own.every((name, i) => name === others[i]);
}

/** The answers in predictions. */
export function answersOf(predictions: Predictions, models: Model[]): Answers {
  const found = new Map(predictions.models);
  const answers = models.flatMap((model): Answer[] => {
    const index = found.get(model.name)?.class;
    return index === undefined ? [] : [{ model, class: index, name: model.about.classes[index] ?? "" }];
  });
  const same = answers.filter(({ model }) => hasClassesOf(models[0], model));
  const other = answers.filter((answer) => !same.includes(answer));
  const [most] = byClass(same);
  const majority = most && most[1].length > same.length / 2 ? most[0] : null;
  return { same, other, majority };
}

/** The models that predict each class, the most frequent class first. */
function byClass(answers: Answer[]): [name: string, models: Answer[]][] {
  const groups = new Map<string, Answer[]>();
  for (const answer of answers) groups.set(answer.name, [...(groups.get(answer.name) ?? []), answer]);
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}

/** What the models say, in a sentence. */
export function sentence(predictions: Predictions, answers: Answers, thresholds: Thresholds | null): Words {
  const { verdict } = predictions;
  if (verdict && !verdict.is_digit && thresholds) return rejection(verdict, thresholds);
  const groups = byClass(answers.same);
  const words = groups.length === 1 ? agreement(answers.same) : disagreement(groups, answers.majority);
  for (const { model, name } of answers.other)
    words.push(` ${model.title}, which has other classes: ${name}.`);
  return words;
}

function agreement(same: Answer[]): Words {
  return [`All ${numeral(same.length)} models predict `, h("strong", {}, same[0]?.name ?? ""), "."];
}

/** Every group of models with its class; of a majority only the number of its models. */
function disagreement(groups: [string, Answer[]][], majority: string | null): Words {
  const all = groups.reduce((sum, [, models]) => sum + models.length, 0);
  const parts = groups.map(([name, models]) =>
    name === majority
      ? `${numeral(models.length)} of ${numeral(all)} models predict ${name}`
      : `${models.map(({ model }) => lower(model.title)).join(", ")}: ${name}`,
  );
  return [h("strong", {}, "The models disagree: "), `${parts.join("; ")}.`];
}

function rejection({ distances }: Verdict, { most }: Thresholds): Words {
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

const numeral = (count: number): string => NUMBERS[count] ?? String(count);

/** A title inside a sentence. */
const lower = (title: string): string => title.charAt(0).toLowerCase() + title.slice(1);
