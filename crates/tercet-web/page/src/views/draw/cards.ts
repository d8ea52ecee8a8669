// The cards: the prediction of each model, and how it comes about.

import { bars } from "../../components/bars";
import {
  largest,
  paintActivations,
  paintGrey,
  paintSigned,
  picture,
  pictureRow,
} from "../../components/image";
import { h } from "../../dom";
import { count, fixed, percent, short } from "../../format";
import type { Model } from "../../models";
import type { Hidden, Prediction } from "../../protocol";

export interface Card {
  element: HTMLElement;
  model: Model;
  show(prediction: Prediction | null): void;
}

/** Called with the class whose template a linear classifier should show, or −1 for the winner. */
type Select = (index: number) => void;

/** Builds the body of a card, and returns a function that shows a prediction there. */
type Body = (model: Model, body: HTMLElement, select: Select) => (prediction: Prediction) => void;

/** A card for a model. */
export function card(model: Model, select: Select): Card {
  const answer = h("output", { class: "answer" });
  const certainty = h("p", { class: "certainty" });
  const body = h("div", { class: "inside" });
  const title = h("div", {}, h("h3", {}, model.title), h("p", { class: "words" }, description(model)));
  const element = h(
    "article",
    { class: "card empty", "data-model": model.name },
    h("header", {}, title, answer),
    body,
    certainty,
  );
  element.style.setProperty("--own", `var(${model.color})`);
  const showBody = { neighbors, linear, network }[model.about.kind](model, body, select);
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
      certainty.textContent = prediction ? certaintyOf(prediction) : "";
      if (prediction) showBody(prediction);
    },
  };
}

function description({ about }: Model): string {
  if (about.kind === "neighbors") return `${count(about.size)} stored images · ${about.words}`;
  if (about.kind === "linear") return `one template per class · ${count(about.size)} parameters`;
  return `${about.words} · ${count(about.size)} parameters`;
}

/** The share of the votes, or the probability and the margin between the two best scores. */
function certaintyOf(prediction: Prediction): string {
  if (prediction.votes) {
    const all = prediction.votes.reduce((sum, votes) => sum + votes, 0);
    return `${votesText(prediction.votes[prediction.class] ?? 0)} of ${votesText(all)} votes`;
  }
  const [first = 0, second = 0] = [...prediction.scores].sort((a, b) => b - a);
  const margin = `margin ${fixed(first - second, 2)}`;
  if (!prediction.probabilities) return margin;
  return `softmax ${percent(prediction.probabilities[prediction.class] ?? 0)}, ${margin}`;
}

/** Votes, without decimal places if they are integers. */
const votesText = (votes: number): string => short(votes).replace(/\.0+$/, "");

const neighbors: Body = (model, body) => {
  const { classes } = model.about;
  const list = h("ol", { class: "neighbors" });
  const showPictures = pictureRow(list);
  const votes = bars(classes, "Votes per class");
  body.append(list, votes.element);
  return (prediction) => {
    showPictures(
      (prediction.neighbors ?? []).map(({ index, label, distance, picture }) => ({
        label: `stored image of class ${classes[label]}`,
        words: [h("b", {}, classes[label] ?? ""), h("span", {}, fixed(distance, 0))],
        data: { index: String(index), distance: String(distance) },
        paint: (canvas) => paintGrey(canvas, picture),
      })),
    );
    votes.show(prediction.votes ?? [], votesText, prediction.class);
  };
};

const linear: Body = (model, body, select) => {
  let winner = -1;
  const product = templateProduct(model);
  const scores = bars(model.about.classes, "Scores; select a class to see its template", (index) =>
    select(index === winner ? -1 : index),
  );
  body.append(...product.elements, scores.element);
  return (prediction) => {
    winner = prediction.class;
    product.show(prediction);
    scores.show(prediction.scores, (v) => fixed(v, 1), prediction.class, prediction.products?.class);
  };
};

/** Template × ink = product, as pictures, and the sum that is the score. */
function templateProduct(model: Model): { elements: HTMLElement[]; show: (prediction: Prediction) => void } {
  const [template, ink, product] = [picture("template"), picture("ink"), picture("product")];
  const title = h("span", {}, "template");
  const equation = h(
    "div",
    { class: "equation" },
    h("figure", {}, template, h("figcaption", {}, title)),
    h("i", {}, "×"),
    h("figure", {}, ink, h("figcaption", {}, "ink")),
    h("i", {}, "="),
    h("figure", {}, product, h("figcaption", {}, "product")),
  );
  const sum = h("p", { class: "sum" });
  const show = ({ products, prepared, scores }: Prediction) => {
    if (!products) return;
    const name = model.about.classes[products.class] ?? "";
    paintSigned(template, products.template, prepared.width, prepared.height);
    paintGrey(ink, prepared);
    paintSigned(product, products.products, prepared.width, prepared.height);
    title.textContent = `template ${name}`;
    template.setAttribute("aria-label", `Template of class ${name}`);
    const total = products.products.reduce((all, v) => all + v, 0);
    const sign = products.bias < 0 ? "−" : "+";
    sum.replaceChildren(
      `Σ ${fixed(total, 2)} ${sign} bias ${fixed(Math.abs(products.bias), 2)} = `,
      h("b", {}, fixed(scores[products.class] ?? 0, 2)),
      ` for ${name}`,
    );
  };
  return { elements: [equation, sum], show };
}

const network: Body = (model, body) => {
  const figures = h("div", { class: "hidden-layers" });
  const scores = bars(model.about.classes, "Scores");
  body.append(figures, scores.element);
  // Created for the first prediction, and repainted for the others.
  let layers: Layer[] = [];
  return (prediction) => {
    if (layers.length !== prediction.hidden.length) {
      layers = prediction.hidden.map((hidden) =>
        hidden.image ? featureMaps(hidden, hidden.image, model.color) : hiddenUnits(hidden, model.color),
      );
      figures.replaceChildren(...layers.map(({ element }) => element));
    }
    prediction.hidden.forEach((hidden, i) => layers[i]?.show(hidden));
    const places = (share: number) => (share > 0.995 || share < 0.005 ? 0 : 1);
    // The scores of a model that was trained with the SVM loss are not probabilities.
    if (!prediction.probabilities) scores.show(prediction.scores, (v) => fixed(v, 1), prediction.class);
    else scores.show(prediction.probabilities, (v) => percent(v, places(v)), prediction.class);
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

/** Feature maps: a picture for each channel. */
function featureMaps(first: Hidden, [rows, columns]: [number, number], color: string): Layer {
  const name = layerName(first);
  const { channels } = first;
  const canvases = Array.from({ length: channels }, (_, channel) =>
    picture(`Feature map ${channel + 1} after ${name}`),
  );
  const caption = h("figcaption", {}, `${name}: ${channels} maps of ${rows} × ${columns}`);
  return {
    element: h("figure", { class: "layer maps" }, h("div", {}, ...canvases), caption),
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
