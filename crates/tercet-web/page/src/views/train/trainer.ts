// Training in slices: the worker trains for a short time and reports, so that training can be paused.

import { engine } from "../../engine";
import type { Report } from "../../protocol";
import { addRun, type Run } from "./runs";
import type { SetupForm } from "./setup";

/** The target duration of a slice, in milliseconds. */
const SLICE = 60;

/** Number of steps in the first slice, and the maximum of every slice. */
const STEPS = { first: 10, most: 5000 };

/** How often layer statistics are requested, for the curve of the training images, in milliseconds. */
const STATS_EVERY = 100;

/** The training of the engine's model, one slice after another. */
export class Trainer {
  /** The current run, if one was started. */
  run: Run | null = null;
  /** Whether slices follow one another. Setting it to false pauses. */
  running = false;
  /** Whether the run has ended. */
  done = false;

  private readonly onReport: (run: Run, report: Report) => Promise<void>;
  private steps = STEPS.first;
  private statsAt = 0;

  /** `onReport` is called with the report of each slice, which the run contains already. */
  constructor(onReport: (run: Run, report: Report) => Promise<void>) {
    this.onReport = onReport;
  }

  /** The run, while it has steps left to take. */
  get open(): Run | null {
    return this.done ? null : this.run;
  }

  /** Starts a run and returns a description of its model. */
  async start(form: SetupForm): Promise<string> {
    const description = await engine.beginTraining(form.setup());
    this.run = addRun(form.title(), `#/train?${form.toState()}`);
    this.done = false;
    this.steps = STEPS.first;
    this.statsAt = 0;
    return description;
  }

  /** Takes steps while `running` is true and there are any left. */
  async train(): Promise<void> {
    while (this.running && this.open) await this.slice();
    this.running = false;
  }

  /** Takes one step. */
  async step(): Promise<void> {
    await this.advance(1, true);
  }

  /** Abandons the run. */
  reset(): void {
    this.running = false;
    this.run = null;
    this.done = false;
  }

  /** Ends the run after an error. */
  fail(): void {
    this.running = false;
    this.done = true;
  }

  private async slice(): Promise<void> {
    const now = performance.now();
    // Not every slice has statistics: they take longer than a small step.
    const stats = now - this.statsAt > STATS_EVERY;
    if (stats) this.statsAt = now;
    const time = await this.advance(this.steps, stats);
    const growth = Math.min(4, Math.max(0.3, SLICE / time));
    this.steps = Math.max(1, Math.min(STEPS.most, Math.round(this.steps * growth)));
  }

  /** Takes steps; the result is the time that they took. */
  private async advance(steps: number, stats: boolean): Promise<number> {
    const start = performance.now();
    const report = await engine.train(steps, stats);
    const time = performance.now() - start;
    if (this.run) {
      this.run.add(report, time);
      this.done = report.done;
      await this.onReport(this.run, report);
    }
    return time;
  }
}
