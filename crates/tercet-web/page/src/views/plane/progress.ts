// The losses of the plane's training, and whether it has stalled.

import type { PlaneView } from "../../protocol";

/** Training is not said to have stalled before this step. */
const EARLIEST = 500;

/** A smaller relative decrease of the loss from the second to the last third of the steps is a stall. */
const LEAST_DECREASE = 0.03;

/** With this accuracy, the classifier has nothing left to learn. */
const LEARNED = 0.98;

/** The losses of a training. */
export class Progress {
  readonly steps: number[] = [];
  readonly losses: number[] = [];

  /** Adds the state after some steps. */
  add({ step, loss }: PlaneView): void {
    if (loss === null || step <= (this.steps.at(-1) ?? 0)) return;
    this.steps.push(step);
    this.losses.push(loss);
  }

  /** Whether the loss has stopped falling although points are still misclassified. */
  hasStalled({ step, accuracy }: PlaneView): boolean {
    if (step < EARLIEST || accuracy >= LEARNED || this.losses.length < 12) return false;
    const third = Math.floor(this.losses.length / 3);
    const [before, now] = [mean(this.losses.slice(third, 2 * third)), mean(this.losses.slice(-third))];
    return now > before * (1 - LEAST_DECREASE);
  }
}

const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
