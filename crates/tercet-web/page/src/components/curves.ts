// Curves over steps, by uPlot, in the colours of the page.

import uPlot from "uplot";
import { h } from "../dom";
import { cssColor } from "../theme";

export interface Curve {
  label: string;
  color: string;
  dashed?: boolean;
  /** Steps and values, of equal length. */
  x: number[];
  y: (number | null)[];
}

/** A chart with a title and a legend. */
export class Chart {
  readonly element: HTMLElement;

  private readonly percent: boolean;
  private readonly frame = h("div", { class: "plot" });
  private readonly legend = h("p", { class: "legend" });
  private readonly observer = new ResizeObserver(() => this.plot?.setSize(this.size()));
  private readonly rebuild = () => this.build();
  private plot: uPlot | null = null;
  private curves: Curve[] = [];
  private logarithmic = false;
  /** The labels and colours that the plot was built for. */
  private style = "";

  /** With `percent`, values are fractions and are shown as percentages. */
  constructor(title: string, percent = false) {
    this.percent = percent;
    this.element = h("figure", { class: "chart" }, h("figcaption", {}, title), this.frame, this.legend);
    this.observer.observe(this.frame);
    document.addEventListener("themechange", this.rebuild);
  }

  /** Whether the axis of values is logarithmic. Takes effect when curves are shown. */
  useLogarithm(on: boolean): void {
    if (this.logarithmic !== on) this.style = "";
    this.logarithmic = on;
  }

  show(curves: Curve[]): void {
    this.curves = this.logarithmic ? curves.map(positive) : curves;
    if (!this.plot || this.style !== styleOf(curves)) this.build();
    else this.plot.setData(joined(this.curves));
  }

  destroy(): void {
    this.observer.disconnect();
    document.removeEventListener("themechange", this.rebuild);
    this.plot?.destroy();
  }

  private build(): void {
    this.plot?.destroy();
    this.plot = new uPlot(this.options(), joined(this.curves), this.frame);
    this.style = styleOf(this.curves);
    this.legend.replaceChildren(...this.curves.map(legendEntry));
  }

  private size(): { width: number; height: number } {
    const width = this.frame.clientWidth;
    return { width: Math.max(240, width), height: Math.max(180, Math.min(300, Math.round(width * 0.55))) };
  }

  private options(): uPlot.Options {
    const line = { stroke: cssColor("--grid"), width: 1 };
    const axis = { stroke: cssColor("--muted"), grid: line, ticks: line, font: "12px system-ui, sans-serif" };
    const tick = (v: number) =>
      this.percent ? `${Math.round(v * 100)} %` : String(Number(v.toPrecision(3)));
    return {
      ...this.size(),
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false } },
      scales: {
        x: { time: false },
        y: this.logarithmic ? { distr: 3 } : { range: this.percent ? shareRange : lossRange },
      },
      axes: [
        axis,
        { ...axis, size: 54, values: (_, values) => values.map((v) => (v === null ? "" : tick(v))) },
      ],
      series: [{ label: "step" }, ...this.curves.map(series)],
    };
  }
}

/** Only positive values have a logarithm. */
const positive = (curve: Curve): Curve => ({
  ...curve,
  y: curve.y.map((v) => (v !== null && v > 0 ? v : null)),
});

/** The range of accuracies: from 85 % or lower to a little above the best. */
const shareRange: uPlot.Range.Function = (_, low, high) =>
  high === null ? [0, 1] : [Math.max(0, Math.min(low, 0.85) - 0.02), Math.min(1, high + 0.01)];

const lossRange: uPlot.Range.Function = (_, __, high) => [0, high * 1.05 || 1];

function series(curve: Curve): uPlot.Series {
  return {
    label: curve.label,
    stroke: cssColor(curve.color),
    width: 2,
    dash: curve.dashed ? [5, 4] : [],
    // A line needs two points.
    points: { show: (plot, index) => (plot.data[index] ?? []).filter((v) => v != null).length < 2 },
    spanGaps: true,
  };
}

function legendEntry(curve: Curve): HTMLElement {
  const swatch = h("i", { class: curve.dashed ? "dashed" : "" });
  swatch.style.setProperty("--swatch", `var(${curve.color})`);
  return h("span", {}, swatch, curve.label);
}

const styleOf = (curves: Curve[]): string =>
  JSON.stringify(curves.map(({ label, color, dashed }) => [label, color, dashed]));

/** All curves over one axis of steps, the input of uPlot. */
function joined(curves: Curve[]): uPlot.AlignedData {
  if (curves.length === 0) return [[0]];
  // uPlot cannot join tables without rows.
  const tables = curves.map(({ x, y }): uPlot.AlignedData => (x.length ? [x, y] : [[0], [null]]));
  return uPlot.join(tables);
}
