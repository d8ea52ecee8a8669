// The steps of preprocessing, as a row of pictures.

import { paintGrey, paintPlain, pictureRow } from "../../components/image";
import { h } from "../../dom";
import type { Predictions } from "../../protocol";

const STEPS: Record<string, string> = {
  grayscale: "greyscale",
  inverted: "inverted",
  ink: "ink segmented",
  cropped: "cropped",
  scaled: "scaled",
  centered: "centred",
  resized: "resized",
  deskewed: "deskewed",
  "size-normalized": "size-normalised",
  blurred: "blurred",
};

/** The row. */
export class Stages {
  readonly element = h("ol", { class: "stages" });
  private readonly row = pictureRow(this.element);

  show(predictions: Predictions | null): void {
    const stages = predictions?.stages ?? [];
    this.row(
      stages.map(({ step, picture }) => {
        const name = STEPS[step] ?? step;
        const paint = step === "grayscale" ? paintPlain : paintGrey;
        return { label: name, words: [h("span", {}, name)], paint: (canvas) => paint(canvas, picture) };
      }),
    );
    this.element.classList.toggle("empty", !predictions?.models.length);
    if (predictions && stages.length === 0) {
      this.element.append(h("li", {}, h("span", {}, "none needed")));
    }
  }
}
