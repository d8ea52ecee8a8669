// The sum of one cell, written out.

import { h } from "../../dom";
import { fixed, parenthesized } from "../../format";
import type { Cell, Convolved } from "./stage";

/** At most this many products are written out. */
const TERMS = 24;

/** The pixels under the filter with their weights, and the sum of the products. */
export function writtenSum({ request, result }: Convolved, [column, row]: Cell): HTMLElement[] {
  const { side, stride, padding, width, height, kernel, bias, relu } = request;
  const [left, top] = [column * stride - padding, row * stride - padding];
  const terms: string[] = [];
  const cells = kernel.map((weight, i) => {
    const [r, c] = [top + Math.floor(i / side), left + (i % side)];
    const inside = r >= 0 && c >= 0 && r < height && c < width;
    const value = inside ? (result.input[r * width + c] ?? 0) : 0;
    if (value !== 0 && weight !== 0) terms.push(`${fixed(value, 2)}·${parenthesized(weight)}`);
    return h(
      "span",
      { class: inside ? "" : "outside" },
      fixed(value, 2),
      h("small", {}, `× ${fixed(weight, 2)}`),
    );
  });
  const patch = h("div", { class: "patch" }, ...cells);
  patch.style.gridTemplateColumns = `repeat(${side}, auto)`;

  if (terms.length > TERMS) terms.splice(TERMS, terms.length, "…");
  if (!terms.length) terms.push("0");
  if (bias) terms.push(parenthesized(bias));
  const sum = terms.join(" + ");
  const value = result.map.values[row * result.map.width + column] ?? 0;
  const place = `row ${row + 1}, column ${column + 1}`;
  return [patch, h("p", {}, `${place}: ${relu ? `max(0, ${sum})` : sum} = `, h("b", {}, fixed(value, 2)))];
}
