// The last drawing, for other views.

import type { Pixels } from "../../protocol";

/** The last drawing as the convolutional network received it. It survives the Draw view. */
export const lastDrawing: { prepared: Pixels | null } = { prepared: null };
