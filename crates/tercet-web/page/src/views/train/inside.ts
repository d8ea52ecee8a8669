// Inside the model during training: first-layer weights, histograms, and statistics of the layers.

import { histogram } from "../../components/histogram";
import { largest, paintSigned, picture } from "../../components/image";
import { h } from "../../dom";
import { engine } from "../../engine";
import { count, short } from "../../format";
import type { Histogram, Stats, Templates } from "../../protocol";

/** The maximum number of templates shown. */
const TEMPLATES = 40;

/** A larger share of dead units is marked. */
const MANY_DEAD = 0.1;

/** The sections. */
export class Inside {
  readonly elements: HTMLElement[];

  private readonly title = h("h2", {}, "Templates");
  private readonly templates = h("div", { class: "templates" });
  private readonly histograms = h("div", { class: "histograms" });
  private readonly layers = h("div", { class: "layers" });

  constructor() {
    const heading = h("h2", {}, "Activations and gradients on 100 images");
    this.elements = [
      h("section", { hidden: true }, this.title, this.templates),
      h("section", { hidden: true }, heading, this.histograms, this.layers),
    ];
  }

  /** Fetches the weights and histograms of the model that is being trained. */
  async update(isLinear: boolean, stats: Stats | null): Promise<void> {
    const [weights, histograms] = [await engine.templates(TEMPLATES), await engine.histograms()];
    for (const section of this.elements) section.hidden = false;
    this.title.textContent =
      weights.images.length === 0
        ? "The first-layer weights cannot be shown as images"
        : isLinear
          ? "Templates, one per class"
          : "First-layer weights, one image per unit";
    this.showTemplates(weights);
    this.histograms.replaceChildren(...histograms.map(histogramFigure));
    if (stats) this.layers.replaceChildren(...stats.layers.map(layerLine));
  }

  private showTemplates({ images, width, height }: Templates): void {
    const { children } = this.templates;
    this.templates.classList.toggle("filters", width < 15);
    while (children.length > images.length) this.templates.lastChild?.remove();
    while (children.length < images.length)
      this.templates.append(picture(`Weights of unit ${children.length}`));
    images.forEach((image, i) => {
      paintSigned(children[i] as HTMLCanvasElement, image, width, height, largest(image));
    });
  }
}

const histogramFigure = (of: Histogram): HTMLElement =>
  h("figure", {}, h("figcaption", {}, of.name), histogram(of));

function layerLine([inputs, outputs, ratio, dead]: Stats["layers"][number], index: number): HTMLElement {
  const line = h(
    "p",
    {},
    h("b", {}, `Layer ${index + 1}`),
    ` ${count(inputs)} → ${count(outputs)}: update-to-weight ratio `,
    h("b", {}, short(ratio)),
  );
  if (dead === null) return line;
  const units = `${Math.round(dead * outputs)} of ${outputs} units dead`;
  line.append("; ", h("b", { class: dead > MANY_DEAD ? "bad" : "" }, units));
  return line;
}
