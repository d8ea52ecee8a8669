// The cards: what each model made of the picture, and why.

import { bars } from "../../components/bars";
import { largest, paintActivations, paintGrey, paintSigned, picture, row } from "../../components/image";
import { h } from "../../dom";
import { count, fixed, percent, short } from "../../format";
import type { Place } from "../../models";
import type { Hidden, Reading } from "../../protocol";

export interface Card {
  element: HTMLElement;
  place: Place;
  show(reading: Reading | null): void;
}

/**
 * A card for the model in a place. `pick` is told which class a linear classifier's template is asked for.
 */
export function card(place: Place, pick: (index: number) => void): Card {
  const answer = h("output", { class: "answer" });
  const sure = h("p", { class: "sure" });
  const body = h("div", { class: "inside" });
  const element = h(
    "article",
    { class: "card empty", "data-place": place.name },
    h("header", {}, h("div", {}, h("h3", {}, place.title), h("p", { class: "words" }, words(place))), answer),
    body,
    sure,
  );
  element.style.setProperty("--own", `var(${place.color})`);
  const inside = { neighbors, linear, network }[place.about.kind](place, body, pick);
  return {
    element,
    place,
    show(reading) {
      element.classList.toggle("empty", !reading);
      // In full, for whoever wants to compare.
      element.dataset.scores = reading ? JSON.stringify(reading.scores) : "";
      answer.textContent = reading ? (place.about.classes[reading.class] ?? "") : "";
      sure.textContent = reading ? certainty(reading) : "";
      if (reading) inside(reading);
    },
  };
}

function words(place: Place): string {
  const { about } = place;
  if (about.kind === "neighbors") return `remembers ${count(about.size)} images · ${about.words}`;
  if (about.kind === "linear") return `one template a class · ${count(about.size)} parameters`;
  return `${about.words} · ${count(about.size)} parameters`;
}

/** How far the winner is ahead, in the model's own terms. */
function certainty(reading: Reading): string {
  if (reading.votes) {
    const all = reading.votes.reduce((sum, votes) => sum + votes, 0);
    const whole = (v: number) => short(v).replace(/\.0+$/, "");
    return `${whole(reading.votes[reading.class] ?? 0)} of ${whole(all)} votes`;
  }
  const [first = 0, second = 0] = [...reading.scores].sort((a, b) => b - a);
  const ahead = `ahead by ${fixed(first - second, 2)}`;
  return reading.hidden.length
    ? `softmax ${percent(reading.probabilities?.[reading.class] ?? 0)}, ${ahead}`
    : ahead;
}

type Inside = (place: Place, body: HTMLElement, pick: (index: number) => void) => (reading: Reading) => void;

const neighbors: Inside = (place, body) => {
  const voters = h("ol", { class: "voters" });
  const show = row(voters);
  const votes = bars(place.about.classes, "Votes of each class");
  body.append(voters, votes.element);
  return (reading) => {
    show(
      (reading.neighbors ?? []).map(({ index, label, distance, picture }) => ({
        label: `a remembered ${place.about.classes[label]}`,
        words: [h("b", {}, place.about.classes[label] ?? ""), h("span", {}, fixed(distance, 0))],
        data: { index: String(index), distance: String(distance) },
        paint: (image) => paintGrey(image, picture),
      })),
    );
    votes.show(reading.votes ?? [], (v) => short(v).replace(/\.0+$/, ""), reading.class);
  };
};

const linear: Inside = (place, body, pick) => {
  const images = ["template", "ink", "product"].map((kind) => picture(kind));
  const [template, ink, product] = images as [HTMLCanvasElement, HTMLCanvasElement, HTMLCanvasElement];
  const title = h("span", {}, "template");
  const figures = h(
    "div",
    { class: "equation" },
    h("figure", {}, template, h("figcaption", {}, title)),
    h("i", {}, "×"),
    h("figure", {}, ink, h("figcaption", {}, "ink")),
    h("i", {}, "="),
    h("figure", {}, product, h("figcaption", {}, "product")),
  );
  const sum = h("p", { class: "sum" });
  let winner = -1;
  const scores = bars(place.about.classes, "Scores; press one to see its template", (index) =>
    pick(index === winner ? -1 : index),
  );
  body.append(figures, sum, scores.element);
  return (reading) => {
    winner = reading.class;
    const products = reading.products;
    if (products) {
      const name = place.about.classes[products.class] ?? "";
      const { width, height } = reading.prepared;
      paintSigned(template, products.template, width, height);
      paintGrey(ink, reading.prepared);
      paintSigned(product, products.products, width, height, largest(products.products));
      title.textContent = `template ${name}`;
      template.setAttribute("aria-label", `The template of class ${name}`);
      const total = products.products.reduce((all, v) => all + v, 0);
      const sign = products.bias < 0 ? "−" : "+";
      sum.replaceChildren(
        `Σ ${fixed(total, 2)} ${sign} bias ${fixed(Math.abs(products.bias), 2)} = `,
        h("b", {}, fixed(reading.scores[products.class] ?? 0, 2)),
        ` for ${name}`,
      );
    }
    scores.show(reading.scores, (v) => fixed(v, 1), reading.class, products?.class);
  };
};

const network: Inside = (place, body) => {
  const looks = h("div", { class: "hidden-layers" });
  const scores = bars(place.about.classes, "Scores");
  body.append(looks, scores.element);
  // Made with the first reading, and painted anew with each.
  let layers: ((hidden: Hidden) => void)[] = [];
  return (reading) => {
    if (layers.length !== reading.hidden.length) {
      const made = reading.hidden.map((hidden) => layer(hidden, place.color));
      looks.replaceChildren(...made.map(({ element }) => element));
      layers = made.map(({ show }) => show);
    }
    reading.hidden.forEach((hidden, i) => layers[i]?.(hidden));
    scores.show(
      reading.probabilities ?? [],
      (v) => percent(v, v > 0.995 || v < 0.005 ? 0 : 1),
      reading.class,
    );
  };
};

/** A hidden layer: its units as one picture, or a picture for each of its maps. */
function layer(first: Hidden, own: string): { element: HTMLElement; show: (hidden: Hidden) => void } {
  const words = first.name.split(" ");
  const from = words.slice(0, -1).findLast((word) => /^(conv|dense)/.test(word));
  const name = [from, words.at(-1)].filter(Boolean).join(" ");
  const caption = h("figcaption", {});
  if (!first.image) {
    const image = picture(`${first.channels} hidden units behind ${name}`, "units");
    const columns = first.channels <= 48 ? Math.min(first.channels, 12) : first.channels <= 512 ? 16 : 32;
    return {
      element: h("figure", { class: "layer" }, image, caption),
      show({ channels, values }) {
        paintActivations(image, values, columns, Math.ceil(channels / columns), largest(values), own);
        caption.textContent = `${name}: ${values.filter((v) => v > 0).length} of ${channels} awake`;
      },
    };
  }
  const [rows, columns] = first.image;
  const images = Array.from({ length: first.channels }, (_, channel) =>
    picture(`feature map ${channel + 1} behind ${name}`),
  );
  caption.textContent = `${name}: ${first.channels} maps of ${rows} × ${columns}`;
  return {
    element: h("figure", { class: "layer maps" }, h("div", {}, ...images), caption),
    show({ channels, values }) {
      const most = largest(values);
      const map = new Float32Array(rows * columns);
      images.forEach((image, channel) => {
        for (let p = 0; p < map.length; p++) map[p] = values[p * channels + channel] ?? 0;
        paintActivations(image, map, columns, rows, most, own);
      });
    },
  };
}
