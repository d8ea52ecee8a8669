// Runs of this visit, to be compared.

import type { Curve } from "../../components/curves";
import { h } from "../../dom";
import { count, fixed, percent, short } from "../../format";
import type { Check } from "../../protocol";

export interface Run {
  number: number;
  title: string;
  /** The address that sets it up again. */
  link: string;
  color: string;
  shown: boolean;
  steps: number;
  milliseconds: number;
  losses: number[];
  checks: Check[];
  /** Steps and accuracies on a sample of the training images. */
  accuracies: [number, number][];
}

const COLORS = ["--run-1", "--run-2", "--run-3", "--run-4", "--run-5", "--run-6"];
export const colorOf = (number: number): string => COLORS[(number - 1) % COLORS.length] ?? "--run-1";

/** The mean of the losses of about 150 pieces: a curve that can be read. */
export function smoothed(losses: number[]): { x: number[]; y: number[] } {
  const piece = Math.max(1, Math.ceil(losses.length / 150));
  const x: number[] = [];
  const y: number[] = [];
  for (let from = 0; from < losses.length; from += piece) {
    const part = losses.slice(from, from + piece);
    x.push(from + part.length);
    y.push(part.reduce((sum, loss) => sum + loss, 0) / part.length);
  }
  return { x, y };
}

/** The curves of all runs that are shown. */
export function lossCurves(runs: Run[]): Curve[] {
  return runs
    .filter((run) => run.shown)
    .flatMap((run) => [
      { label: `run ${run.number}, training`, color: run.color, ...smoothed(run.losses) },
      {
        label: "validation",
        color: run.color,
        dashed: true,
        x: run.checks.map((check) => check.step),
        y: run.checks.map((check) => check.validation_loss),
      },
    ]);
}

export function accuracyCurves(runs: Run[]): Curve[] {
  return runs
    .filter((run) => run.shown)
    .flatMap((run) => [
      {
        label: `run ${run.number}, training`,
        color: run.color,
        x: run.accuracies.map(([step]) => step),
        y: run.accuracies.map(([, share]) => share),
      },
      {
        label: "validation",
        color: run.color,
        dashed: true,
        x: run.checks.map((check) => check.step),
        y: run.checks.map((check) => check.validation_accuracy),
      },
    ]);
}

/** The table of runs. */
export function table(runs: Run[], changed: () => void): HTMLElement {
  const head = ["", "Run", "Batches", "Time", "Loss, training", "Loss, validation", "Accuracy, validation"];
  return h(
    "div",
    { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Runs" },
    h(
      "table",
      { class: "runs", "aria-label": "Runs" },
      h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))),
      h(
        "tbody",
        {},
        ...runs.map((run) => {
          const check = run.checks.at(-1);
          const swatch = h("i", { class: "swatch" });
          swatch.style.setProperty("--swatch", `var(${run.color})`);
          return h(
            "tr",
            {},
            h(
              "td",
              {},
              h(
                "label",
                {},
                h("input", {
                  type: "checkbox",
                  checked: run.shown,
                  "aria-label": `Show run ${run.number}`,
                  onchange: (event: Event) => {
                    run.shown = (event.target as HTMLInputElement).checked;
                    changed();
                  },
                }),
                swatch,
              ),
            ),
            h("th", { scope: "row" }, h("a", { href: run.link }, `${run.number}. ${run.title}`)),
            h("td", {}, count(run.steps)),
            h("td", {}, `${fixed(run.milliseconds / 1000, 2)} s`),
            h("td", {}, check ? short(check.train_loss) : "–"),
            h("td", {}, check ? short(check.validation_loss) : "–"),
            h("td", {}, h("b", {}, check ? percent(check.validation_accuracy) : "–")),
          );
        }),
      ),
    ),
  );
}
