// The runs of this visit, for comparison.

import type { Curve } from "../../components/curves";
import type { Report, Validation } from "../../protocol";
import { protectWork } from "../../work";

/** About how many points a loss curve has. */
const POINTS = 150;

/** How many runs are shown after a new one has started, including the new one. */
const SHOWN = 3;

const COLORS = ["--run-1", "--run-2", "--run-3", "--run-4", "--run-5", "--run-6"];

/** A training run, finished or not. */
export class Run {
  readonly number: number;
  readonly title: string;
  /** The address that restores its settings. */
  readonly link: string;
  readonly color: string;
  shown = true;
  steps = 0;
  /** The time that the worker has computed. */
  milliseconds = 0;
  readonly losses: number[] = [];
  readonly validations: Validation[] = [];
  /** Steps and accuracies on a sample of the training images. */
  readonly accuracies: [number, number][] = [];
  /** The model file, once the run has ended or another one has started. */
  file: Uint8Array<ArrayBuffer> | null = null;
  /** Whether the visitor has downloaded the model. */
  downloaded = false;

  constructor(number: number, title: string, link: string) {
    this.number = number;
    this.title = title;
    this.link = link;
    this.color = COLORS[(number - 1) % COLORS.length] ?? "--run-1";
  }

  /** Adds what the engine reported. */
  add(report: Report, milliseconds: number): void {
    this.steps = report.step;
    this.milliseconds += milliseconds;
    this.losses.push(...report.losses);
    this.validations.push(...report.validations);
    if (report.stats) this.accuracies.push([report.stats.step, report.stats.accuracy]);
  }
}

/** All runs of this visit. They outlive the view, so that the visitor can switch views in between. */
export const runs: Run[] = [];

// A run whose model was not downloaded is lost with the tab.
protectWork(() => runs.some((run) => run.steps > 0 && !run.downloaded));

/** Adds a run, and hides all but the last few of the others. */
export function addRun(title: string, link: string): Run {
  for (const other of runs.slice(0, 1 - SHOWN)) other.shown = false;
  const run = new Run((runs.at(-1)?.number ?? 0) + 1, title, link);
  runs.push(run);
  return run;
}

/** The losses of the runs that are shown. */
export const lossCurves = (): Curve[] =>
  shownCurves(
    (run) => smoothed(run.losses),
    (check) => check.validation_loss,
  );

/** The accuracies of the runs that are shown. */
export const accuracyCurves = (): Curve[] =>
  shownCurves(
    ({ accuracies }) => ({ x: accuracies.map(([step]) => step), y: accuracies.map(([, share]) => share) }),
    (check) => check.validation_accuracy,
  );

function shownCurves(
  training: (run: Run) => { x: number[]; y: number[] },
  validation: (check: Validation) => number,
): Curve[] {
  return runs
    .filter((run) => run.shown)
    .flatMap((run) => [
      { label: `run ${run.number}, training`, color: run.color, ...training(run) },
      {
        label: `run ${run.number}, validation`,
        color: run.color,
        dashed: true,
        x: run.validations.map((check) => check.step),
        y: run.validations.map(validation),
      },
    ]);
}

/** A smooth curve: the means over groups of losses. */
function smoothed(losses: number[]): { x: number[]; y: number[] } {
  const size = Math.max(1, Math.ceil(losses.length / POINTS));
  const x: number[] = [];
  const y: number[] = [];
  for (let from = 0; from < losses.length; from += size) {
    const group = losses.slice(from, from + size);
    x.push(from + group.length);
    y.push(group.reduce((sum, loss) => sum + loss, 0) / group.length);
  }
  return { x, y };
}
