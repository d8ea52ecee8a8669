// The two-layer network of a card: ink flows through hidden units to the classes. A unit shows its weights.

import { announce } from "../../announce";
import { paintGrey, picture, pictureRow } from "../../components/image";
import { NetworkDrawing, type NodePlace } from "../../components/network";
import { h } from "../../dom";
import { fixed } from "../../format";
import { type Model, shippedImages } from "../../models";
import type { Pixels, Prediction } from "../../protocol";
import { mostExciting, type TwoLayers, templateOf } from "../../weights";
import { Equation } from "./equation";

/** How many of the images that excite a unit are shown. */
const IMAGES = 6;

const HINT = "Press a unit to see its weights, or a class to see what speaks for it.";

/** The drawing of a network with its details. */
export class Wiring {
  readonly element: HTMLElement;

  private readonly model: Model;
  private readonly network: TwoLayers;
  private readonly ink = picture("ink");
  private readonly drawing: NetworkDrawing;
  private readonly words = h("p", { class: "sum" }, HINT);
  private readonly equation = new Equation();
  private readonly exciting = h("ol", { class: "neighbors exciting" });
  private readonly showExciting = pictureRow(this.exciting);
  private readonly excitingTitle = h("p", { class: "sum" }, "Stored images that excite it most:");
  private readonly unit: HTMLElement;
  private prediction: Prediction | null = null;

  constructor(model: Model, network: TwoLayers) {
    this.model = model;
    this.network = network;
    this.drawing = new NetworkDrawing([network.hidden, network.classes], {
      label: "Ink, hidden units and classes of the network",
      names: [[], model.about.classes],
      hasPicture: true,
      onSelect: () => this.showDetails(true),
    });
    this.unit = h(
      "div",
      { class: "unit-details", hidden: true },
      ...this.equation.elements,
      this.excitingTitle,
      this.exciting,
    );
    const flow = h("div", { class: "wiring" }, this.ink, this.drawing.element);
    this.element = h("div", {}, flow, this.words, this.unit);
  }

  show(prediction: Prediction): void {
    this.prediction = prediction;
    paintGrey(this.ink, prediction.prepared);
    this.drawing.show({
      columns: [this.activations(), prediction.scores],
      product: (_, from, to) => this.product(from, to),
      winner: prediction.class,
    });
    this.showDetails(false);
  }

  private activations(): number[] {
    return this.prediction?.hidden.at(-1)?.values ?? [];
  }

  /** What a unit adds to the score of a class. */
  private product(unit: number, to: number): number {
    return (this.activations()[unit] ?? 0) * (this.network.w2[unit * this.network.classes + to] ?? 0);
  }

  private showDetails(isNew: boolean): void {
    const { selected } = this.drawing;
    const isUnit = selected?.[0] === 0;
    const isClass = selected?.[0] === 1 && this.network.isRelu;
    this.unit.hidden = !isUnit && !isClass;
    this.words.textContent = selected
      ? isUnit
        ? this.unitWords(selected)
        : this.classWords(selected)
      : this.summary();
    if (isUnit) this.showUnit(selected[1], isNew);
    else if (isClass) this.showClass(selected[1]);
    if (isNew) announce(this.words.textContent);
  }

  private summary(): string {
    const values = this.activations();
    return `${values.filter((v) => v > 0).length} of ${values.length} units are active. ${HINT}`;
  }

  private unitWords([, unit]: NodePlace): string {
    const value = this.activations()[unit] ?? 0;
    if (value === 0) return `Unit ${unit + 1} is inactive: it adds nothing to any score.`;
    const { classes } = this.model.about;
    const products = classes.map((name, c) => ({ name, product: this.product(unit, c) }));
    products.sort((a, b) => b.product - a.product);
    const [first, last] = [products[0], products.at(-1)];
    return (
      `Unit ${unit + 1}, activation ${fixed(value, 2)}: it adds ${fixed(first?.product ?? 0, 2)} to the ` +
      `score of ${first?.name}, and ${fixed(last?.product ?? 0, 2)} to that of ${last?.name}.`
    );
  }

  private classWords([, index]: NodePlace): string {
    const products = this.activations().map((_, unit) => ({ unit, product: this.product(unit, index) }));
    products.sort((a, b) => b.product - a.product);
    const [first, last] = [products[0], products.at(-1)];
    return (
      `Score of ${this.model.about.classes[index]}: ${fixed(this.prediction?.scores[index] ?? 0, 2)}. ` +
      `Unit ${(first?.unit ?? 0) + 1} adds most, ${fixed(first?.product ?? 0, 2)}; ` +
      `unit ${(last?.unit ?? 0) + 1} least, ${fixed(last?.product ?? 0, 2)}.`
    );
  }

  /** Weights × ink of a hidden unit, and the stored images that excite it most. */
  private showUnit(unit: number, isNew: boolean): void {
    if (!this.prediction) return;
    const { network } = this;
    const { prepared } = this.prediction;
    const weights = Float32Array.from(
      { length: network.inputs },
      (_, p) => network.w1[p * network.hidden + unit] ?? 0,
    );
    const title = `weights of unit ${unit + 1}`;
    const result = `; after the activation ${fixed(this.activations()[unit] ?? 0, 2)}`;
    this.showProducts(title, weights, network.b1[unit] ?? 0, prepared, result);
    if (isNew) this.showImages(unit, prepared);
  }

  /** Around this picture, a network with ReLU is linear: the class has a template. */
  private showClass(index: number): void {
    if (!this.prediction) return;
    const active = this.activations().map((v) => v > 0);
    const { w, b } = templateOf(this.network, active, index);
    const name = this.model.about.classes[index] ?? "";
    const result = ` for ${name}: while the same units are active, the network is a linear classifier`;
    this.showProducts(`template ${name}`, w, b, this.prediction.prepared, result);
    this.excitingTitle.hidden = this.exciting.hidden = true;
  }

  private showProducts(
    title: string,
    weights: Float32Array,
    bias: number,
    ink: Pixels,
    result: string,
  ): void {
    const pixels = decoded(ink);
    const products = weights.map((w, p) => (w * (pixels[p] ?? 0)) / this.network.divisor);
    const total = products.reduce((sum, v) => sum + v, bias);
    this.equation.show({ title, weights, products, bias, prepared: ink, total, result });
  }

  private showImages(unit: number, { width, height }: Pixels): void {
    const images = shippedImages();
    const found = images ? mostExciting(this.network, unit, images, IMAGES) : [];
    this.excitingTitle.hidden = this.exciting.hidden = found.length === 0;
    if (!images) return;
    this.showExciting(
      found.map(([index, sum]) => {
        const name = this.model.about.classes[images.labels[index] ?? 0] ?? "";
        const row = images.rows.subarray(index * images.pixels, (index + 1) * images.pixels);
        const pixels = btoa(String.fromCharCode(...row));
        return {
          label: `stored image of class ${name}`,
          words: [h("b", {}, name), h("span", {}, fixed(sum, 1))],
          paint: (canvas) => paintGrey(canvas, { width, height, pixels }),
        };
      }),
    );
  }
}

const decoded = ({ pixels }: Pixels): Uint8Array =>
  Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
