// The controls of the convolution: picture, filter weights, stride, padding and pooling.

import { button, checkbox, choice, type Field, numeric, weight } from "../../components/field";
import { h } from "../../dom";
import type { Filtering, Pixels } from "../../protocol";
import { lastDrawing } from "../draw/last";
import { EXAMPLES } from "../draw/strokes";

const LEFT_EDGES = [-1, 0, 1, -1, 0, 1, -1, 0, 1];
const PRESETS: Record<string, number[]> = {
  "Left edges": LEFT_EDGES,
  "Upper edges": [-1, -1, -1, 0, 0, 0, 1, 1, 1],
  Outline: [-1, -1, -1, -1, 8, -1, -1, -1, -1],
  Blur: Array.from({ length: 9 }, () => 0.111),
  Sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
  Diagonal: [2, -1, -1, -1, 2, -1, -1, -1, 2],
  "Wide blur": Array.from({ length: 25 }, () => 0.04),
};

const PICTURES: Record<string, string> = Object.fromEntries([
  ["drawn", "your drawing"],
  ...EXAMPLES.map((_, digit) => [String(digit), `example ${digit}`]),
]);
const SIZES = { 3: "3 × 3", 5: "5 × 5", 7: "7 × 7" } as const;
const WINDOWS = { 1: "none", 2: "2 × 2", 3: "3 × 3" } as const;
const POOLINGS = { max: "maximum", mean: "average" } as const;

const defaultPicture = (): string => (lastDrawing.prepared ? "drawn" : "5");

/** The fields, the grid of weights and the presets. */
export class Controls {
  /** The inputs for the weights of the filter. */
  readonly grid = h("div", { class: "kernel", role: "group", "aria-label": "Filter weights" });

  /** Why a weight that was typed was replaced. */
  readonly note = h("small", { class: "field-note", "aria-live": "polite" });

  private kernel: number[] = [];
  private readonly onFilter: () => void;
  private readonly picture: Field<string>;
  private readonly size: Field<string>;
  private readonly stride: Field<number>;
  private readonly padding: Field<number>;
  private readonly bias: Field<number>;
  private readonly relu: Field<boolean>;
  private readonly pool: Field<string>;
  private readonly pooling: Field<keyof typeof POOLINGS>;

  /** `onPicture` is called when another picture is chosen, `onFilter` when anything else changes. */
  constructor(onPicture: () => void, onFilter: () => void) {
    this.onFilter = onFilter;
    const changed = () => this.changed();
    this.picture = choice("Picture", PICTURES, defaultPicture(), onPicture);
    this.size = choice<string>("Filter", SIZES, "3", changed);
    this.stride = numeric("Stride", 1, { min: 1, max: 4 }, changed);
    this.padding = numeric("Padding", 0, { min: 0, max: 3 }, changed);
    this.bias = numeric("Bias", 0, { min: -20, max: 20, step: "any" }, changed);
    this.relu = checkbox("ReLU after the filter", true, changed);
    this.pool = choice<string>("Pooling", WINDOWS, "2", changed);
    this.pooling = choice("Pooling type", POOLINGS, "max", changed);
  }

  /** Everything but the grid. */
  form(): HTMLElement[] {
    const { picture, size, stride, padding, bias, pool, pooling, relu } = this;
    const fields = [picture, size, stride, padding, bias, pool, pooling, relu];
    const presets = Object.entries(PRESETS).map(([name, numbers]) =>
      button(name, () => this.usePreset(numbers), "chip-button"),
    );
    return [
      h("div", { class: "setup inline" }, ...fields.map((field) => field.element)),
      h("div", { class: "presets", role: "group", "aria-label": "Filter presets" }, ...presets),
      this.note,
    ];
  }

  /** The digit of the chosen example, or null for the drawing. */
  example(): number | null {
    return this.picture.get() === "drawn" ? null : Number(this.picture.get());
  }

  /** The request that filters a picture. */
  request(image: Pixels): Filtering {
    return {
      ...image,
      side: this.side(),
      kernel: [...this.kernel],
      bias: this.bias.get(),
      stride: this.stride.get(),
      padding: this.padding.get(),
      relu: this.relu.get(),
      pool: Number(this.pool.get()),
      mean: this.pooling.get() === "mean",
    };
  }

  saveTo(state: URLSearchParams): void {
    if (this.picture.get() !== "drawn") state.set("of", this.picture.get());
    state.set("kernel", this.kernel.join(","));
    const values = [
      ["stride", this.stride.get(), 1],
      ["padding", this.padding.get(), 0],
      ["bias", this.bias.get(), 0],
      ["pool", this.pool.get(), "2"],
      ["pooling", this.pooling.get(), "max"],
    ] as const;
    for (const [name, value, usual] of values) if (value !== usual) state.set(name, String(value));
    if (!this.relu.get()) state.set("relu", "no");
  }

  restore(state: URLSearchParams): void {
    this.picture.set(state.get("of") ?? defaultPicture());
    const kernel = (state.get("kernel") ?? "").split(",").map(Number);
    const valid = [3, 5, 7].includes(Math.sqrt(kernel.length)) && kernel.every(Number.isFinite);
    this.setKernel(valid ? kernel : LEFT_EDGES);
    this.stride.set(Number(state.get("stride") ?? 1));
    this.padding.set(Number(state.get("padding") ?? 0));
    this.bias.set(Number(state.get("bias") ?? 0));
    this.pool.set(state.get("pool") ?? "2");
    this.pooling.set(state.get("pooling") === "mean" ? "mean" : "max");
    this.relu.set(state.get("relu") !== "no");
  }

  private side(): number {
    return Number(this.size.get());
  }

  private usePreset(kernel: number[]): void {
    this.setKernel(kernel);
    this.changed();
  }

  private changed(): void {
    const side = this.side();
    if (this.kernel.length !== side * side) this.setKernel(resized(this.kernel, side));
    if (this.padding.get() > side - 1) this.padding.set(side - 1);
    this.onFilter();
  }

  private setKernel(kernel: number[]): void {
    this.kernel = [...kernel];
    const side = Math.round(Math.sqrt(kernel.length));
    this.size.set(String(side));
    this.grid.dataset.side = String(side);
    this.grid.style.gridTemplateColumns = `repeat(${side}, minmax(0, 1fr))`;
    this.grid.replaceChildren(...kernel.map((_, i) => this.weightInput(i, side)));
  }

  private weightInput(i: number, side: number): HTMLInputElement {
    const input = h("input", {
      type: "number",
      step: "any",
      value: String(this.kernel[i]),
      "aria-label": `row ${Math.floor(i / side) + 1}, column ${(i % side) + 1}`,
      onchange: () => {
        const { value, why } = weight(input, this.kernel[i] ?? 0);
        this.kernel[i] = value;
        input.value = String(value);
        this.note.textContent = why;
        this.onFilter();
      },
    });
    return input;
  }
}

/** A filter of another size: the old weights in its middle, zeros around them. */
function resized(kernel: number[], side: number): number[] {
  const old = Math.round(Math.sqrt(kernel.length));
  const shift = (side - old) / 2;
  return Array.from({ length: side * side }, (_, i) => {
    const [row, column] = [Math.floor(i / side) - shift, (i % side) - shift];
    const inside = row >= 0 && column >= 0 && row < old && column < old;
    return inside ? (kernel[row * old + column] ?? 0) : 0;
  });
}
