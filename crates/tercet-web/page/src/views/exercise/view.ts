// Understand, the exercise: the lecture's cat, dog or bird, with every number to be changed.

import { button } from "../../components/field";
import { h, said } from "../../dom";
import { engine } from "../../engine";
import { fixed } from "../../format";
import type { Numbers, Worked } from "../../protocol";
import type { View } from "../../router";

const CLASSES = ["cat", "dog", "bird"];

/** The numbers of the slide; each W is the transpose of the slide's, since an example is a row here. */
const LECTURE: Numbers = {
  x: [56, 231, 24, 2],
  w1: [
    [0.2, -0.2, 1.1, -1.9],
    [-0.5, 0, 0.7, 1],
    [0.1, 0.4, -0.9, 0.9],
    [2, 1.3, -0.2, 2.1],
  ],
  b1: [9.1, 7.3, -27, 2.1],
  w2: [
    [0.8, 0.3, 0.6],
    [0.9, -0.3, 0.7],
    [0, 2.2, -0.1],
    [1.4, -1.2, -0.6],
  ],
  b2: [-32, 14, 19],
  label: 1,
};

const flat = (numbers: Numbers): number[] => [
  ...numbers.x,
  ...numbers.w1.flat(),
  ...numbers.b1,
  ...numbers.w2.flat(),
  ...numbers.b2,
];

function unflat(values: number[], label: number): Numbers {
  const rest = [...values];
  const take = (count: number) => rest.splice(0, count);
  const rows = (count: number, width: number) => Array.from({ length: count }, () => take(width));
  return { x: take(4), w1: rows(4, 4), b1: take(4), w2: rows(4, 3), b2: take(3), label };
}

export const exercise: View = {
  name: "exercise",
  title: "Exercise",
  mount(root, state, keep) {
    let numbers = structuredClone(LECTURE);
    let chosen: [1 | 2, number] = [1, 0];
    let version = 0;
    const error = h("p", { class: "problem", role: "alert" });
    const stage = h("div", { class: "exercise" });
    const written = h("div", { class: "written", role: "status" });
    const answer = h("p", { class: "answer-line" });
    const outputs: { z: HTMLElement[]; h: HTMLElement[]; scores: HTMLElement[] } = {
      z: [],
      h: [],
      scores: [],
    };

    const cell = (label: string, get: () => number, set: (value: number) => void) => {
      const input = h("input", {
        type: "number",
        step: "any",
        value: String(get()),
        "aria-label": label,
        onchange: () => {
          const value = Number(input.value);
          if (input.value.trim() === "" || !Number.isFinite(value)) input.value = String(get());
          else set(value);
          void work();
        },
      });
      return input;
    };
    const toState = () => {
      const state = new URLSearchParams();
      const [now, lecture] = [flat(numbers), flat(LECTURE)];
      if (now.some((value, i) => value !== lecture[i])) state.set("n", now.join(","));
      if (numbers.label !== LECTURE.label) state.set("y", String(numbers.label));
      state.set("show", `${chosen[0]}.${chosen[1]}`);
      return state;
    };
    const work = async () => {
      const own = ++version;
      try {
        const worked = await engine.exercise(numbers);
        if (own !== version) return;
        error.textContent = "";
        show(worked);
        keep(toState());
      } catch (problem) {
        if (own === version) error.textContent = said(problem);
      }
    };
    const show = (worked: Worked) => {
      outputs.z.forEach((place, j) => (place.textContent = fixed(worked.z[j] ?? 0, 2)));
      outputs.h.forEach((place, j) => {
        place.textContent = fixed(worked.h[j] ?? 0, 2);
        place.classList.toggle("asleep", worked.h[j] === 0);
      });
      outputs.scores.forEach((place, c) => {
        place.textContent = fixed(worked.scores[c] ?? 0, 2);
        place.classList.toggle("winner", c === worked.class);
      });
      answer.replaceChildren(
        "It is a ",
        h("strong", {}, CLASSES[worked.class] ?? ""),
        ". If it is really a ",
        h(
          "span",
          { class: "inline-choice" },
          ...CLASSES.map((name, c) =>
            h(
              "button",
              {
                type: "button",
                "aria-pressed": String(c === numbers.label),
                onclick: () => {
                  numbers.label = c;
                  void work();
                },
              },
              name,
            ),
          ),
        ),
        `, the SVM loss is ${fixed(worked.losses[0], 2)} and the softmax loss ${fixed(worked.losses[1], 3)}.`,
      );
      const [layer, unit] = chosen;
      const [from, products, bias, total, name] =
        layer === 1
          ? ([
              numbers.x,
              worked.products1,
              numbers.b1[unit] ?? 0,
              worked.z[unit] ?? 0,
              `z${unit + 1}`,
            ] as const)
          : ([
              worked.h,
              worked.products2,
              numbers.b2[unit] ?? 0,
              worked.scores[unit] ?? 0,
              CLASSES[unit] ?? "",
            ] as const);
      const weights = layer === 1 ? numbers.w1 : numbers.w2;
      written.replaceChildren(
        h(
          "p",
          {},
          h("b", {}, `${name} = `),
          from.map((v, i) => `${fixed(v, 1)} · ${paren(weights[i]?.[unit] ?? 0)}`).join(" + "),
          ` + ${paren(bias)}`,
        ),
        h(
          "p",
          {},
          `= ${products.map((row) => paren(row[unit] ?? 0)).join(" + ")} + ${paren(bias)} = `,
          h("b", {}, fixed(total, 2)),
        ),
        layer === 1
          ? h(
              "p",
              {},
              `h${unit + 1} = max(0, ${fixed(total, 2)}) = `,
              h("b", {}, fixed(worked.h[unit] ?? 0, 2)),
              worked.h[unit] === 0 ? ": this unit is off." : "",
            )
          : h("p", {}, "The largest of the three scores wins."),
      );
      stage
        .querySelectorAll("[data-unit]")
        .forEach((one) => one.classList.toggle("chosen", one.getAttribute("data-unit") === chosen.join(".")));
    };

    const build = () => {
      outputs.z = numbers.b1.map(() => h("output", {}));
      outputs.h = numbers.b1.map(() => h("output", {}));
      outputs.scores = numbers.b2.map(() => h("output", {}));
      const look = (layer: 1 | 2, unit: number, label: string) =>
        h(
          "button",
          {
            type: "button",
            class: "look",
            "data-unit": `${layer}.${unit}`,
            onclick: () => {
              chosen = [layer, unit];
              void work();
            },
          },
          label,
        );
      const table = (
        title: string,
        corner: string,
        columns: HTMLElement[],
        rows: [string, HTMLElement[]][],
      ) =>
        h(
          "div",
          { class: "scroll" },
          h(
            "table",
            { class: "matrix" },
            h("caption", {}, title),
            h(
              "thead",
              {},
              h("tr", {}, h("td", {}, corner), ...columns.map((column) => h("th", { scope: "col" }, column))),
            ),
            h(
              "tbody",
              {},
              ...rows.map(([name, cells]) =>
                h("tr", {}, h("th", { scope: "row" }, name), ...cells.map((one) => h("td", {}, one))),
              ),
            ),
          ),
        );
      stage.replaceChildren(
        table(
          "X, (1, 4): the image",
          "",
          numbers.x.map((_, i) => h("span", {}, `x${i + 1}`)),
          [
            [
              "pixel",
              numbers.x.map((_, i) =>
                cell(
                  `x${i + 1}`,
                  () => numbers.x[i] ?? 0,
                  (v) => (numbers.x[i] = v),
                ),
              ),
            ],
          ],
        ),
        table(
          "W1, (4, 4) and b1: the hidden layer",
          "",
          numbers.b1.map((_, j) => look(1, j, `unit ${j + 1}`)),
          [
            ...numbers.w1.map((row, i): [string, HTMLElement[]] => [
              `x${i + 1}`,
              row.map((_, j) =>
                cell(
                  `W1 row ${i + 1}, column ${j + 1}`,
                  () => row[j] ?? 0,
                  (v) => (row[j] = v),
                ),
              ),
            ]),
            [
              "b1",
              numbers.b1.map((_, j) =>
                cell(
                  `b1 ${j + 1}`,
                  () => numbers.b1[j] ?? 0,
                  (v) => (numbers.b1[j] = v),
                ),
              ),
            ],
            ["z = X·W1 + b1", outputs.z],
            ["h = max(0, z)", outputs.h],
          ],
        ),
        table(
          "W2, (4, 3) and b2: the scores",
          "",
          CLASSES.map((name, c) => look(2, c, name)),
          [
            ...numbers.w2.map((row, j): [string, HTMLElement[]] => [
              `h${j + 1}`,
              row.map((_, c) =>
                cell(
                  `W2 row ${j + 1}, column ${c + 1}`,
                  () => row[c] ?? 0,
                  (v) => (row[c] = v),
                ),
              ),
            ]),
            [
              "b2",
              numbers.b2.map((_, c) =>
                cell(
                  `b2 ${c + 1}`,
                  () => numbers.b2[c] ?? 0,
                  (v) => (numbers.b2[c] = v),
                ),
              ),
            ],
            ["scores", outputs.scores],
          ],
        ),
      );
      void work();
    };
    root.append(
      h("h1", {}, "The exercise"),
      h(
        "p",
        { class: "lede" },
        "Is an image of four pixels a cat, a dog or a bird? The lecture’s two-layer network, with every " +
          "number to be changed. Press a unit or a class to see its sum written out.",
      ),
      answer,
      stage,
      written,
      error,
      h(
        "div",
        { class: "tools" },
        button("The lecture’s numbers", () => {
          numbers = structuredClone(LECTURE);
          build();
        }),
      ),
    );
    const restore = (given: URLSearchParams) => {
      const values = (given.get("n") ?? "").split(",").map(Number);
      const label = Number(given.get("y") ?? 1);
      numbers =
        values.length === flat(LECTURE).length && values.every(Number.isFinite)
          ? unflat(values, 1)
          : structuredClone(LECTURE);
      numbers.label = [0, 1, 2].includes(label) ? label : 1;
      const [layer, unit] = (given.get("show") ?? "1.0").split(".").map(Number);
      chosen =
        layer === 2 ? [2, Math.min(2, Math.max(0, unit ?? 0))] : [1, Math.min(3, Math.max(0, unit ?? 0))];
      build();
    };
    restore(state);
    return { restore };
  },
};

const paren = (value: number): string => (value < 0 ? `(${fixed(value, 2)})` : fixed(value, 2));
