// The last drawing, for other views.

import { engine } from "../../engine";
import { models } from "../../models";
import type { Pixels } from "../../protocol";
import { Raster } from "./raster";
import { EXAMPLES, SIDE } from "./strokes";

/** The last drawing as the convolutional network received it. */
export const lastDrawing: { prepared: Pixels | null } = { prepared: null };

/** A drawn example as the models receive it. */
export async function preparedExample(digit: number): Promise<Pixels | null> {
  await models();
  const predictions = await engine.predict(SIDE, SIDE, 1, new Raster().grey(EXAMPLES[digit] ?? []), -1);
  return predictions.models[0]?.[1].prepared ?? null;
}
