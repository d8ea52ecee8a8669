// Labelled form fields.

import { h, messageOf } from "../dom";

let ids = 0;

export interface Field<T> {
  element: HTMLElement;
  get(): T;
  set(value: T): void;
  enable(on: boolean): void;
}

function labelled(label: string, input: HTMLElement, hint?: string, note?: HTMLElement): HTMLElement {
  input.id = `field-${++ids}`;
  return h(
    "div",
    { class: "field" },
    h("label", { for: input.id }, label),
    input,
    hint ? h("small", {}, hint) : null,
    note,
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

/** The bounds of a number. With a whole `step`, which is the default, the number is rounded. */
export interface Bounds {
  min: number;
  max: number;
  step?: number | "any";
}

/**
 * A number within bounds. The field always shows the number that is used: other input is replaced, and a note
 * says why.
 */
export function numeric(
  label: string,
  first: number,
  bounds: Bounds,
  changed: () => void,
  hint?: string,
): Field<number> {
  const input = h("input", {
    type: "number",
    value: String(first),
    min: String(bounds.min),
    max: String(bounds.max),
    step: Number.isInteger(bounds.step ?? 1) ? "1" : "any",
    inputMode: "decimal",
    onchange: () => {
      use(input.value.trim() === "" ? Number.NaN : Number(input.value));
      changed();
    },
  });
  const note = noteOf(input);
  let used = first;
  const use = (given: number) => {
    const { value, why } = fitted(given, bounds, used);
    used = value;
    input.value = String(value);
    note.textContent = why;
  };
  return {
    element: labelled(label, input, hint, note),
    get: () => used,
    set: use,
    enable: (on) => (input.disabled = !on),
  };
}

/** The number that is used for a given one, and the reason if it is another. */
function fitted(given: number, bounds: Bounds, last: number): { value: number; why: string } {
  if (!Number.isFinite(given)) return { value: last, why: `Not a number: ${last} is used.` };
  if (given < bounds.min) return { value: bounds.min, why: `${given} is below the minimum, ${bounds.min}.` };
  if (given > bounds.max) return { value: bounds.max, why: `${given} is above the maximum, ${bounds.max}.` };
  const whole = Number.isInteger(bounds.step ?? 1);
  if (!whole || Number.isInteger(given)) return { value: given, why: "" };
  return { value: Math.round(given), why: `${given} is not a whole number.` };
}

/** The largest weight or pixel that can be typed: sums of products of larger ones would not be readable. */
const LARGEST = 1e6;

/** The number in the input of a weight or pixel; the last one if it is no number, and the reason. */
export function weight(input: HTMLInputElement, last: number): { value: number; why: string } {
  const given = input.value.trim() === "" ? Number.NaN : Number(input.value);
  return fitted(given, { min: -LARGEST, max: LARGEST, step: "any" }, last);
}

/** A text field. `parse` returns the text that is used, or throws an error that says what is wrong. */
export function textField(
  label: string,
  first: string,
  changed: () => void,
  hint?: string,
  parse: (text: string) => string = (text) => text,
): Field<string> {
  const input = h("input", {
    type: "text",
    value: first,
    spellcheck: false,
    autocapitalize: "off",
    autocomplete: "off",
    onchange: () => {
      use(input.value);
      changed();
    },
  });
  const note = noteOf(input);
  let used = first;
  const use = (text: string) => {
    note.textContent = "";
    try {
      used = parse(text);
    } catch (error) {
      note.textContent = `${messageOf(error)}: ${used} is used.`;
    }
    input.value = used;
  };
  return {
    element: labelled(label, input, hint, note),
    get: () => used,
    set: use,
    enable: (on) => (input.disabled = !on),
  };
}

/** Sizes of hidden layers: `36`, or `128 64` for two. */
export function unitsField(label: string, first: string, most: number, changed: () => void): Field<string> {
  const parse = (text: string) => {
    const words = text.split(/[\s,;×x-]+/).filter(Boolean);
    if (words.length === 0) throw new Error("There is no size");
    for (const word of words) {
      if (!/^\d+$/.test(word)) throw new Error(`“${word}” is not a whole number`);
      if (Number(word) < 1 || Number(word) > most) throw new Error(`${word} is not between 1 and ${most}`);
    }
    return words.map(Number).join(" ");
  };
  return textField(label, first, changed, `${first}, or ${first} ${first} for two layers`, parse);
}

/** A note below an input, which says why its value was replaced. */
function noteOf(input: HTMLElement): HTMLElement {
  const note = h("small", { class: "field-note", "aria-live": "polite" });
  note.id = `note-${++ids}`;
  input.setAttribute("aria-describedby", note.id);
  return note;
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
