// The table of runs: each with its results, and with its model for download or for the Draw view.

import { button } from "../../components/field";
import { h } from "../../dom";
import { count, fixed, percent, short } from "../../format";
import { type Run, runs } from "./runs";

const COLUMNS = ["Run", "Steps", "Time", "Training loss", "Validation loss", "Validation accuracy", "Model"];

/** What the buttons of a run do. */
export interface RunActions {
  /** The run was shown or hidden in the charts. */
  onShow(): void;
  download(run: Run): void;
  use(run: Run): void;
}

/** A row, whose elements stay while its numbers change. */
interface Row {
  element: HTMLElement;
  update(): void;
}

/** The table. */
export class RunTable {
  readonly element: HTMLElement;

  private readonly actions: RunActions;
  private readonly body = h("tbody", {});
  private readonly table: HTMLElement;
  private readonly empty = h(
    "p",
    { class: "note" },
    "Every run is listed here with its model, so that you can compare them and use any of them.",
  );
  private readonly rows = new Map<Run, Row>();

  constructor(actions: RunActions) {
    this.actions = actions;
    const head = h("tr", {}, h("td", {}), ...COLUMNS.map((title) => h("th", { scope: "col" }, title)));
    this.table = h(
      "div",
      { class: "scroll", tabIndex: 0, role: "region", "aria-label": "Runs" },
      h("table", { class: "runs", "aria-label": "Runs" }, h("thead", {}, head), this.body),
    );
    this.element = h("div", {}, this.empty, this.table);
    this.update();
  }

  /** Shows the present numbers of all runs. */
  update(): void {
    this.empty.hidden = runs.length > 0;
    this.table.hidden = runs.length === 0;
    for (const run of runs) {
      let row = this.rows.get(run);
      if (!row) {
        row = newRow(run, this.actions);
        this.rows.set(run, row);
        this.body.append(row.element);
      }
      row.update();
    }
  }
}

function newRow(run: Run, actions: RunActions): Row {
  const swatch = h("i", { class: "swatch" });
  swatch.style.setProperty("--swatch", `var(${run.color})`);
  const box = h("input", {
    type: "checkbox",
    "aria-label": `Show run ${run.number}`,
    onchange: () => {
      run.shown = box.checked;
      actions.onShow();
    },
  });
  const cells = COLUMNS.slice(1, -1).map((title) => h("td", { "data-title": title }));
  const download = button("Download", () => actions.download(run), "chip-button");
  download.setAttribute("aria-label", `Download the model of run ${run.number}`);
  const use = button("Use in Draw", () => actions.use(run), "chip-button");
  use.setAttribute("aria-label", `Use run ${run.number} in Draw`);
  const element = h(
    "tr",
    {},
    h("td", { class: "show" }, h("label", {}, box, swatch)),
    h("th", { scope: "row" }, h("a", { href: run.link }, `${run.number}. ${run.title}`)),
    ...cells,
    h("td", { class: "model" }, download, use),
  );
  const update = () => {
    box.checked = run.shown;
    results(run).forEach((text, i) => {
      const cell = cells[i];
      if (cell) cell.textContent = text;
    });
    download.hidden = use.hidden = run.file === null;
  };
  return { element, update };
}

/** The numbers of a run, in the order of the columns. */
function results(run: Run): string[] {
  const check = run.validations.at(-1);
  return [
    count(run.steps),
    `${fixed(run.milliseconds / 1000, 2)} s`,
    check ? short(check.train_loss) : "–",
    check ? short(check.validation_loss) : "–",
    check ? percent(check.validation_accuracy) : "–",
  ];
}
