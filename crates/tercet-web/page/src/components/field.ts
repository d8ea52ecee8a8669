// Labelled form fields.

import { h } from "../dom";

let ids = 0;

export interface Field<T> {
  element: HTMLElement;
  get(): T;
  set(value: T): void;
  enable(on: boolean): void;
}

function labelled(label: string, input: HTMLElement, hint?: string): HTMLElement {
  input.id = `field-${++ids}`;
  return h(
    "div",
    { class: "field" },
    h("label", { for: input.id }, label),
    input,
    hint ? h("small", {}, hint) : null,
  );
}

/** A choice from a list. */
export function choice<T extends string>(
  label: string,
  options: Record<T, string>,
  first: NoInfer<T>,
  changed: () => void,
): Field<T> {
  const input = h(
    "select",
    { onchange: changed },
    ...Object.entries<string>(options).map(([value, text]) =>
      h("option", { value, selected: value === first }, text),
    ),
  );
  return {
    element: labelled(label, input),
    get: () => input.value as T,
    set(value) {
      if (value in options) input.value = value;
    },
    enable: (on) => (input.disabled = !on),
  };
}

/** A number within bounds. Other input is clamped; without a number, the last value stays. */
export function numeric(
  label: string,
  first: number,
  bounds: { min: number; max: number; step?: number | "any" },
  changed: () => void,
  hint?: string,
): Field<number> {
  const input = h("input", {
    type: "number",
    value: String(first),
    min: String(bounds.min),
    max: String(bounds.max),
    step: String(bounds.step ?? 1),
    inputMode: "decimal",
    onchange: changed,
  });
  let last = first;
  return {
    element: labelled(label, input, hint),
    get() {
      const value = input.value.trim() === "" ? NaN : Number(input.value);
      if (Number.isFinite(value)) last = Math.min(bounds.max, Math.max(bounds.min, value));
      return last;
    },
    set(value) {
      if (Number.isFinite(value)) {
        last = Math.min(bounds.max, Math.max(bounds.min, value));
        input.value = String(last);
      }
    },
    enable: (on) => (input.disabled = !on),
  };
}

/** A text field. */
export function textField(label: string, first: string, changed: () => void, hint?: string): Field<string> {
  const input = h("input", {
    type: "text",
    value: first,
    spellcheck: false,
    autocapitalize: "off",
    autocomplete: "off",
    onchange: changed,
  });
  return {
    element: labelled(label, input, hint),
    get: () => input.value,
    set: (value) => (input.value = value),
    enable: (on) => (input.disabled = !on),
  };
}

/** A checkbox. */
export function checkbox(label: string, first: boolean, changed: () => void): Field<boolean> {
  const input = h("input", { type: "checkbox", checked: first, onchange: changed });
  return {
    element: h("label", { class: "tick" }, input, h("span", {}, label)),
    get: () => input.checked,
    set: (value) => (input.checked = value),
    enable: (on) => (input.disabled = !on),
  };
}

/** A button. */
export function button(label: string, press: () => void, kind = ""): HTMLButtonElement {
  return h("button", { type: "button", class: kind, onclick: press }, label);
}
