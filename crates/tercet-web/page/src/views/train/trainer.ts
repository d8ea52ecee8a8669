// Training in slices: the worker trains for a short time and reports, so that training can be paused.

import { engine } from "../../engine";
import type { Report } from "../../protocol";
import { addRun, type Run } from "./runs";
import type { SetupForm } from "./setup";

/** The target duration of a slice, in milliseconds. */
const SLICE = 60;

/** The maximum number of steps of a slice. The first has one step: nobody knows how long a step takes. */
const MOST_STEPS = 5000;

/** How often layer statistics are requested, for the curve of the training images, in milliseconds. */
const STATS_EVERY = 100;

/** The training of the engine's model, one slice after another. */
export class Trainer {
  /** The run of the engine's model, if one was started. */
  run: Run | null = null;
  /** Whether slices follow one another. Setting it to false pauses after the slice that is being computed. */
  running = false;
  /** Whether a slice is being computed. */
  computing = false;
  /** Whether the run has ended. */
  done = false;
  /** The duration of a step in the last slice, in milliseconds. */
  stepTime = 0;

  private readonly onReport: (run: Run, report: Report) => Promise<void>;
  private steps = 1;
  private statsAt = 0;

  /** `onReport` is called with the report of each slice, which the run contains already. */
  constructor(onReport: (run: Run, report: Report) => Promise<void>) {
    this.onReport = onReport;
  }

  /** The run, while it has steps left to take. */
  get open(): Run | null {
    return this.done ? null : this.run;
  }

  /** Starts a run and returns a description of its model. The model of the run before is kept. */
  async start(form: SetupForm): Promise<string> {
    await this.keepModel();
    const description = await engine.beginTraining(form.setup());
    this.run = addRun(form.title(), `#/train?${form.toState()}`);
    this.done = false;
    this.steps = 1;
    this.statsAt = 0;
    this.stepTime = 0;
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

  /** Ends the run before its last step; its model is kept. */
  async end(): Promise<void> {
    this.running = false;
    this.done = true;
    await this.keepModel();
  }

  /** Ends the run after an error. */
  fail(): void {
    this.running = false;
    this.done = true;
  }

  /** The file of the model of a run, with its present weights. */
  async fileOf(run: Run): Promise<Uint8Array<ArrayBuffer>> {
    if (run === this.run && this.open) return engine.trainedFile();
    return run.file ?? engine.trainedFile();
  }

  /** Keeps the model file of the run, so that the engine can train another one. */
  private async keepModel(): Promise<void> {
    const { run } = this;
    if (!run || run.file || run.steps === 0) return;
    try {
      run.file = await engine.trainedFile();
    } catch {
      // Training diverged: the weights are not finite, and there is no model to keep.
    }
  }

  private async slice(): Promise<void> {
    const now = performance.now();
    // Not every slice has statistics: they take longer than a small step.
    const stats = now - this.statsAt > STATS_EVERY;
    if (stats) this.statsAt = now;
    const time = await this.advance(this.steps, stats);
    const growth = Math.min(4, SLICE / time);
    this.steps = Math.max(1, Math.min(MOST_STEPS, Math.round(this.steps * growth)));
  }

  /** Takes steps; the result is the time that they took. */
  private async advance(steps: number, stats: boolean): Promise<number> {
    const start = performance.now();
    this.computing = true;
    try {
      const report = await engine.train(steps, stats);
      const time = performance.now() - start;
      this.stepTime = time / Math.max(1, report.losses.length);
      if (this.run) {
        this.run.add(report, time);
        this.done = report.done;
        if (this.done) await this.keepModel();
        await this.onReport(this.run, report);
      }
      return time;
    } finally {
      this.computing = false;
    }
  }
}
