// A histogram as an SVG.

import { s } from "../dom";
import { short } from "../format";
import type { Histogram } from "../protocol";

/** The bars. If many values are exactly zero, their bar is clipped so that the others are visible. */
export function histogram(of: Histogram): SVGSVGElement {
  const width = 160;
  const height = 48;
  const bar = width / of.counts.length;
  const sorted = [...of.counts].sort((a, b) => b - a);
  const most = of.zeros > 0.3 ? Math.max(1, (sorted[1] ?? 0) * 1.4) : Math.max(1, sorted[0] ?? 0);
  const [low, high] = of.range;
  const zero = low < 0 && high > 0 ? (width * -low) / (high - low) : null;
  const zeros = `${Math.round(of.zeros * 100)} %`;
  return s(
    "svg",
    {
      viewBox: `0 0 ${width} ${height + 12}`,
      class: "histogram",
      role: "img",
      "aria-label": `${of.name}: from ${short(low)} to ${short(high)}, ${zeros} exactly zero`,
    },
    zero === null ? null : s("line", { class: "zero", x1: zero, x2: zero, y1: 0, y2: height }),
    ...of.counts.map((n, i) => {
      const tall = Math.min(height, (height * n) / most);
      return s("rect", { x: i * bar + 0.4, y: height - tall, width: Math.max(0.5, bar - 0.8), height: tall });
    }),
    s("text", { x: 0, y: height + 10 }, short(low)),
    s("text", { x: width, y: height + 10, "text-anchor": "end" }, short(high)),
  );
}
