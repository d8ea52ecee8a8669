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

export interface Curves {
  element: HTMLElement;
  show(curves: Curve[]): void;
  destroy(): void;
}

/** A chart with a title of its own. `percent` writes values as shares. */
export function curves(title: string, percent = false): Curves {
  const place = h("div", { class: "plot" });
  const legend = h("p", { class: "legend" });
  const element = h("figure", { class: "chart" }, h("figcaption", {}, title), place, legend);
  let plot: uPlot | null = null;
  let shape = "";
  let last: Curve[] = [];

  const size = () => ({
    width: Math.max(240, place.clientWidth),
    height: Math.max(180, Math.min(300, Math.round(place.clientWidth * 0.55))),
  });
  const build = (list: Curve[]) => {
    plot?.destroy();
    const axis = {
      stroke: cssColor("--muted"),
      grid: { stroke: cssColor("--grid"), width: 1 },
      ticks: { stroke: cssColor("--grid"), width: 1 },
      font: "12px system-ui, sans-serif",
    };
    plot = new uPlot(
      {
        ...size(),
        legend: { show: false },
        cursor: { y: false, drag: { x: true, y: false } },
        scales: {
          x: { time: false },
          y: percent
            ? {
                range: (_, low, high) =>
                  high === null
                    ? [0, 1]
                    : [Math.max(0, Math.min(low, 0.85) - 0.02), Math.min(1, high + 0.01)],
              }
            : { range: (_, __, high) => [0, high * 1.05 || 1] },
        },
        axes: [
          axis,
          {
            ...axis,
            size: 54,
            values: (_, values) =>
              values.map((v) => (percent ? `${Math.round(v * 100)} %` : String(Number(v.toPrecision(3))))),
          },
        ],
        series: [
          { label: "step" },
          ...list.map((curve) => ({
            label: curve.label,
            stroke: cssColor(curve.color),
            width: 2,
            dash: curve.dashed ? [5, 4] : [],
            points: {
              show: (plot: uPlot, series: number) =>
                (plot.data[series] ?? []).filter((v) => v !== null && v !== undefined).length < 2,
            },
            spanGaps: true,
          })),
        ],
      },
      joined(list),
      place,
    );
    shape = shapeOf(list);
    legend.replaceChildren(
      ...list.map((curve) => {
        const swatch = h("i", { class: curve.dashed ? "dashed" : "" });
        swatch.style.setProperty("--swatch", `var(${curve.color})`);
        return h("span", {}, swatch, curve.label);
      }),
    );
  };
  const rebuild = () => build(last);
  const observer = new ResizeObserver(() => plot?.setSize(size()));
  observer.observe(place);
  document.addEventListener("themechange", rebuild);
  return {
    element,
    show(list) {
      last = list;
      if (!plot || shape !== shapeOf(list)) build(list);
      else plot.setData(joined(list));
    },
    destroy() {
      observer.disconnect();
      document.removeEventListener("themechange", rebuild);
      plot?.destroy();
    },
  };
}

const shapeOf = (list: Curve[]) =>
  JSON.stringify(list.map(({ label, color, dashed }) => [label, color, dashed]));

/** All curves over one axis of steps: uPlot's shape. */
function joined(list: Curve[]): uPlot.AlignedData {
  const tables =
    list.filter((curve) => curve.x.length > 0).length === list.length && list.length > 0
      ? list.map((curve) => [curve.x, curve.y] as uPlot.AlignedData)
      : list.map(
          (curve) => [curve.x.length ? curve.x : [0], curve.y.length ? curve.y : [null]] as uPlot.AlignedData,
        );
  if (tables.length === 0) return [[0]];
  return uPlot.join(tables);
}
