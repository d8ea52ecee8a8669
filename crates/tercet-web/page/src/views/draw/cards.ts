// The cards: the prediction of each model, and how it comes about.

import { type Bars, bars } from "../../components/bars";
import { button } from "../../components/field";
import { largest, paintActivations, paintGrey, picture, pictureRow } from "../../components/image";
import { h } from "../../dom";
import { count, fixed, percent, short } from "../../format";
import type { Announced, Model } from "../../models";
import type { Hidden, Prediction } from "../../protocol";
import type { Filters } from "../../weights";
import { Equation } from "./equation";
import { Wiring } from "./wiring";

export interface Card {
  element: HTMLElement;
  model: Model;
  show(prediction: Prediction | null): void;
}

/** Builds the body of a card, and returns a function that shows a prediction there. */
type Body = (model: Model, body: HTMLElement) => (prediction: Prediction) => void;

/** The place of a card whose model is not loaded yet. */
export function loadingCard({ title, color }: Announced): HTMLElement {
  const header = h("header", {}, h("h3", {}, title));
  const element = h("article", { class: "card loading" }, header, h("p", { class: "words" }, "Loading …"));
  element.style.setProperty("--own", `var(${color})`);
  return element;
}

/**
 * A card for a model. With `hasBars`, it has a bar for each class, for which the matrix of answers has no
 * columns.
 * With `remove`, it has a button that removes the model.
 */
export function card(model: Model, hasBars: boolean, remove: (() => void) | null): Card {
  const answer = h("output", { class: "answer" });
  const certainty = h("p", { class: "certainty" });
  const body = h("div", { class: "inside" });
  const title = h("div", {}, h("h3", {}, model.title), h("p", { class: "words" }, description(model)));
  const removal = remove && button("Remove", remove, "chip-button");
  removal?.setAttribute("aria-label", `Remove ${model.title}`);
  const element = h(
    "article",
    { class: "card empty", "data-model": model.name },
    h("header", {}, title, removal, answer),
    body,
    certainty,
  );
  element.style.setProperty("--own", `var(${model.color})`);
  const showBody = { neighbors, linear, network }[model.about.kind](model, body);
  const scores = hasBars ? bars(model.about.classes, "Scores per class") : null;
  if (scores) body.append(scores.element);
  return {
    element,
    model,
    show(prediction) {
      element.classList.toggle("empty", !prediction);
      // With all digits, for tests: the numbers that `tercet predict` prints.
      element.dataset.scores = prediction
        ? JSON.stringify(prediction.probabilities ?? prediction.scores)
        : "";
      answer.textContent = prediction ? (model.about.classes[prediction.class] ?? "") : "";
      certainty.textContent = prediction ? certaintyOf(prediction, model.about.classes) : "";
      if (!prediction) return;
      showBody(prediction);
      showBars(scores, prediction);
    },
  };
}

function description({ about }: Model): string {
  if (about.kind === "neighbors") return `${count(about.size)} stored images · ${about.words}`;
  if (about.kind === "linear") return `one template per class · ${count(about.size)} parameters`;
  return `${about.words} · ${count(about.size)} parameters`;
}

/** The bars of a model whose classes have no columns in the matrix of answers. */
function showBars(scores: Bars | null, prediction: Prediction): void {
  const { votes, probabilities, class: winner } = prediction;
  if (votes) scores?.show(votes, votesText, winner);
  else if (probabilities) scores?.show(probabilities, (v) => percent(v), winner);
  else scores?.show(prediction.scores, (v) => fixed(v, 1), winner);
}

/** The share of the votes, or the probability and the margin between the two best scores. */
function certaintyOf(prediction: Prediction, classes: string[]): string {
  if (prediction.votes) return votesOf(prediction.votes, prediction.class, classes);
  const [first = 0, second = 0] = [...prediction.scores].sort((a, b) => b - a);
  const margin = `margin ${fixed(first - second, 2)}`;
  if (!prediction.probabilities) return margin;
  return `softmax ${percent(prediction.probabilities[prediction.class] ?? 0)}, ${margin}`;
}

/** The votes for the winner, and an explanation of a tie. */
function votesOf(votes: number[], winner: number, classes: string[]): string {
  const all = votes.reduce((sum, one) => sum + one, 0);
  const own = votes[winner] ?? 0;
  const tied = classes.filter((_, i) => votes[i] === own);
  const share = `${votesText(own)} of ${votesText(all)} votes`;
  if (tied.length < 2) return share;
  return `${share}, a tie between ${tied.join(" and ")}: the first of these classes is predicted`;
}

/** Votes, without decimal places if they are integers. */
const votesText = (votes: number): string => short(votes).replace(/\.0+$/, "");

const neighbors: Body = (model, body) => {
  const { classes } = model.about;
  const list = h("ol", { class: "neighbors" });
  const showPictures = pictureRow(list);
  body.append(list);
  return (prediction) => {
    showPictures(
      (prediction.neighbors ?? []).map(({ index, label, distance, picture }) => ({
        label: `stored image of class ${classes[label]}`,
        words: [h("b", {}, classes[label] ?? ""), h("span", {}, fixed(distance, 0))],
        data: { index: String(index), distance: String(distance) },
        paint: (canvas) => paintGrey(canvas, picture),
      })),
    );
  };
};

const linear: Body = (model, body) => {
  const equation = new Equation();
  body.append(...equation.elements);
  return ({ products, prepared, scores }) => {
    if (!products) return;
    const name = model.about.classes[products.class] ?? "";
    equation.show({
      title: `template ${name}`,
      weights: products.template,
      products: products.products,
      bias: products.bias,
      prepared,
      total: scores[products.class] ?? 0,
      result: ` for ${name}`,
    });
  };
};

const network: Body = (model, body) => {
  if (model.network) {
    const wiring = new Wiring(model, model.network);
    body.append(wiring.element);
    return (prediction) => wiring.show(prediction);
  }
  const figures = h("div", { class: "hidden-layers" });
  body.append(figures);
  // Created for the first prediction, and repainted for the others.
  let layers: Layer[] = [];
  return (prediction) => {
    if (layers.length !== prediction.hidden.length) {
      layers = prediction.hidden.map((hidden, i) =>
        hidden.image
          ? featureMaps(hidden, hidden.image, model.color, i === 0 ? model.filters : null)
          : hiddenUnits(hidden, model.color),
      );
      figures.replaceChildren(...layers.map(({ element }) => element));
    }
    prediction.hidden.forEach((hidden, i) => layers[i]?.show(hidden));
  };
};

/** The activations of a layer as a figure. */
interface Layer {
  element: HTMLElement;
  show(hidden: Hidden): void;
}

/** `dense36 relu`: the last of the layers, after the last layer with weights. */
function layerName(hidden: Hidden): string {
  const words = hidden.name.split(" ");
  const weights = words.slice(0, -1).findLast((word) => /^(conv|dense)/.test(word));
  return [weights, words.at(-1)].filter(Boolean).join(" ");
}

/** Hidden units: one picture with a pixel for each. */
function hiddenUnits(first: Hidden, color: string): Layer {
  const name = layerName(first);
  const units = first.channels;
  const columns = units <= 48 ? Math.min(units, 12) : units <= 512 ? 16 : 32;
  const canvas = picture(`Activations of ${units} hidden units after ${name}`, "units");
  const caption = h("figcaption", {});
  return {
    element: h("figure", { class: "layer" }, canvas, caption),
    show({ values }) {
      paintActivations(canvas, values, columns, Math.ceil(units / columns), largest(values), color);
      caption.textContent = `${name}: ${values.filter((v) => v > 0).length} of ${units} active`;
    },
  };
}

/** Feature maps: a picture for each channel. With `filters`, each is a link to its filter on this drawing. */
function featureMaps(
  first: Hidden,
  [rows, columns]: [number, number],
  color: string,
  filters: Filters | null,
): Layer {
  const name = layerName(first);
  const { channels } = first;
  const canvases = Array.from({ length: channels }, (_, channel) =>
    picture(`Feature map ${channel + 1} after ${name}`),
  );
  const press = filters ? "; press one to see its filter slide over the drawing" : "";
  const caption = h("figcaption", {}, `${name}: ${channels} maps of ${rows} × ${columns}${press}`);
  const maps = filters
    ? canvases.map((canvas, i) => h("a", { href: filterLink(filters, i) }, canvas))
    : canvases;
  return {
    element: h(
      "figure",
      { class: channels > 8 ? "layer maps many" : "layer maps" },
      h("div", {}, ...maps),
      caption,
    ),
    show({ values }) {
      const most = largest(values);
      const map = new Float32Array(rows * columns);
      canvases.forEach((canvas, channel) => {
        for (let p = 0; p < map.length; p++) map[p] = values[p * channels + channel] ?? 0;
        paintActivations(canvas, map, columns, rows, most, color);
      });
    },
  };
}

/** The address of the Convolution view with a filter. */
function filterLink({ kernels, biases, stride, padding }: Filters, index: number): string {
  const rounded = (value: number) => String(Number(value.toFixed(3)));
  const state = new URLSearchParams({
    kernel: (kernels[index] ?? []).map(rounded).join(","),
    bias: rounded(biases[index] ?? 0),
    stride: String(stride),
    padding: String(padding),
  });
  return `#/convolution?${state}`;
}
