// Points that the visitor added, as text for an address: `x,y,class;…` in hundredths.

import type { Point } from "../../protocol";

/** The maximum number of points that are read from an address. */
const MOST = 600;

export const encodePoints = (points: Point[]): string =>
  points.map(([x, y, label]) => `${Math.round(x * 100)},${Math.round(y * 100)},${label}`).join(";");

/** The points in a text; malformed ones are skipped. */
export function decodePoints(text: string): Point[] {
  return text
    .split(";")
    .filter(Boolean)
    .slice(0, MOST)
    .map((point): Point => {
      const [x = 0, y = 0, label = 0] = point.split(",").map(Number);
      return [x / 100, y / 100, label === 1 ? 1 : 0];
    })
    .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
}
