// What the curves of a run say, in a sentence.

import { count, percent } from "../../format";
import type { Run } from "./runs";

/** Training images are classified better than validation images by at least this much: overfitting. */
const GAP = 0.04;

/** A validation loss this many times its minimum has risen. */
const RISEN = 1.1;

/** With ten classes, this accuracy is hardly better than chance, after some steps. */
const CHANCE = { accuracy: 0.2, steps: 200 };

/** How many samples of the training accuracy are averaged. */
const SAMPLES = 5;

/** A remark about overfitting or training at chance level; null for an unremarkable run. */
export function diagnosis({ accuracies, validations, steps }: Run): string | null {
  const last = validations.at(-1);
  if (!last) return null;
  if (last.validation_accuracy < CHANCE.accuracy && steps >= CHANCE.steps) {
    return (
      `Training is at chance level, ${percent(last.validation_accuracy)}: the learning rate may be too ` +
      "high or too low, or the initial weights too small or too large."
    );
  }
  const recent = accuracies.slice(-SAMPLES).map(([, accuracy]) => accuracy);
  const training = recent.reduce((sum, v) => sum + v, 0) / Math.max(1, recent.length);
  if (training - last.validation_accuracy < GAP) return null;
  const best = validations.reduce((a, b) => (b.validation_loss < a.validation_loss ? b : a));
  const hasRisen = last.validation_loss > RISEN * best.validation_loss;
  return (
    `Overfitting: ${percent(training)} of the training images are classified correctly, but ` +
    `${percent(last.validation_accuracy)} of the validation images. ` +
    (hasRisen ? `The validation loss was lowest at step ${count(best.step)} and has risen since. ` : "") +
    "More training images, regularisation or dropout reduce the gap."
  );
}
