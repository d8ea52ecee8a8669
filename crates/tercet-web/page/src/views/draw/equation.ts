// Weights × ink = product, as pictures, and the sum.

import { paintGrey, paintSigned, picture } from "../../components/image";
import { h } from "../../dom";
import { fixed } from "../../format";
import type { Pixels } from "../../protocol";

/** What an equation shows. */
export interface Factors {
  /** The caption of the weights: `template 5`. */
  title: string;
  weights: ArrayLike<number>;
  products: ArrayLike<number>;
  bias: number;
  prepared: Pixels;
  /** The sum, and what it is. */
  total: number;
  result: string;
}

/** Three pictures and the sum of the products. */
export class Equation {
  readonly elements: HTMLElement[];

  private readonly weights = picture("weights");
  private readonly ink = picture("ink");
  private readonly product = picture("product");
  private readonly title = h("span", {}, "weights");
  private readonly sum = h("p", { class: "sum" });

  constructor() {
    const pictures = h(
      "div",
      { class: "equation" },
      h("figure", {}, this.weights, h("figcaption", {}, this.title)),
      h("i", {}, "×"),
      h("figure", {}, this.ink, h("figcaption", {}, "ink")),
      h("i", {}, "="),
      h("figure", {}, this.product, h("figcaption", {}, "product")),
    );
    this.elements = [pictures, this.sum];
  }

  show({ title, weights, products, bias, prepared, total, result }: Factors): void {
    const { width, height } = prepared;
    paintSigned(this.weights, weights, width, height);
    paintGrey(this.ink, prepared);
    paintSigned(this.product, products, width, height);
    this.title.textContent = title;
    this.weights.setAttribute("aria-label", `Weights: ${title}`);
    let sum = 0;
    for (let i = 0; i < products.length; i++) sum += products[i] ?? 0;
    const sign = bias < 0 ? "−" : "+";
    this.sum.replaceChildren(
      `Σ ${fixed(sum, 2)} ${sign} bias ${fixed(Math.abs(bias), 2)} = `,
      h("b", {}, fixed(total, 2)),
      result,
    );
  }
}
