// A bar for each class. Bars may be buttons, where a class can be chosen.

import { h } from "../dom";

export interface Bars {
  element: HTMLElement;
  /** `values` as long as the labels; `winner` stands out, `chosen` is marked. */
  show(values: number[], say: (value: number) => string, winner: number, chosen?: number): void;
}

/** Bars that go right from a middle where values may be negative. */
export function bars(labels: string[], label: string, pick?: (index: number) => void): Bars {
  const rows = labels.map((name, index) => {
    const fill = h("span", { class: "fill" });
    const value = h("span", { class: "value" });
    const parts = [h("span", { class: "name" }, name), h("span", { class: "track" }, fill), value];
    const row = pick
      ? h("button", { type: "button", class: "bar-row", onclick: () => pick(index) }, ...parts)
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
    show(values, say, winner, chosen) {
      const low = Math.min(0, ...values);
      const high = Math.max(0, ...values);
      const span = high - low || 1;
      rows.forEach(({ row, fill, value }, index) => {
        const v = values[index] ?? 0;
        fill.style.left = `${(100 * (Math.min(v, 0) - low)) / span}%`;
        fill.style.width = `${(100 * Math.abs(v)) / span}%`;
        fill.classList.toggle("below", v < 0);
        value.textContent = say(v);
        row.classList.toggle("winner", index === winner);
        if (pick) row.setAttribute("aria-pressed", String(index === chosen));
      });
    },
  };
}
