// A bar chart with one bar per class.

import { h } from "../dom";

export interface Bars {
  element: HTMLElement;
  /** One value per label. `winner` is highlighted, `selected` is marked. */
  show(values: number[], format: (value: number) => string, winner: number, selected?: number): void;
}

/** Horizontal bars; negative ones start left of zero. With `select`, each bar is a button. */
export function bars(labels: string[], label: string, select?: (index: number) => void): Bars {
  const rows = labels.map((name, index) => {
    const fill = h("span", { class: "fill" });
    const value = h("span", { class: "value" });
    const parts = [h("span", { class: "name" }, name), h("span", { class: "track" }, fill), value];
    const row = select
      ? h("button", { type: "button", class: "bar-row", onclick: () => select(index) }, ...parts)
      : h("div", { class: "bar-row" }, ...parts);
    return { row, fill, value };
  });
  const element = h(
    "div",
    { class: "bars", role: "group", "aria-label": label },
    ...rows.map(({ row }) => row),
  );
  return {
    element,
    show(values, format, winner, selected) {
      const low = Math.min(0, ...values);
      const high = Math.max(0, ...values);
      const span = high - low || 1;
      rows.forEach(({ row, fill, value }, index) => {
        const v = values[index] ?? 0;
        fill.style.left = `${(100 * (Math.min(v, 0) - low)) / span}%`;
        fill.style.width = `${(100 * Math.abs(v)) / span}%`;
        fill.classList.toggle("below", v < 0);
        value.textContent = format(v);
        row.classList.toggle("winner", index === winner);
        if (select) row.setAttribute("aria-pressed", String(index === selected));
      });
    },
  };
}
