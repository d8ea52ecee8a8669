// The numbers of the exercise, and their form in the address.

import type { Numbers } from "../../protocol";

export const CLASSES = ["cat", "dog", "bird"];

/** The numbers of the slide; each W is the transpose of the slide's, since an example is a row here. */
const LECTURE: Numbers = {
  x: [56, 231, 24, 2],
  w1: [
    [0.2, -0.2, 1.1, -1.9],
    [-0.5, 0, 0.7, 1],
    [0.1, 0.4, -0.9, 0.9],
    [2, 1.3, -0.2, 2.1],
  ],
  b1: [9.1, 7.3, -27, 2.1],
  w2: [
    [0.8, 0.3, 0.6],
    [0.9, -0.3, 0.7],
    [0, 2.2, -0.1],
    [1.4, -1.2, -0.6],
  ],
  b2: [-32, 14, 19],
  label: 1,
};

/** A copy of the lecture's numbers, to be changed. */
export const lectureNumbers = (): Numbers => structuredClone(LECTURE);

/** Writes what differs from the lecture into the state of an address. */
export function saveNumbers(numbers: Numbers, state: URLSearchParams): void {
  const [now, lecture] = [flat(numbers), flat(LECTURE)];
  if (now.some((value, i) => value !== lecture[i])) state.set("n", now.join(","));
  if (numbers.label !== LECTURE.label) state.set("y", String(numbers.label));
}

/** The numbers in the state of an address; those of the lecture where they are missing or damaged. */
export function restoreNumbers(state: URLSearchParams): Numbers {
  const values = (state.get("n") ?? "").split(",").map(Number);
  const complete = values.length === flat(LECTURE).length && values.every((value) => Math.abs(value) <= 1e6);
  const numbers = complete ? unflat(values) : lectureNumbers();
  const label = Number(state.get("y") ?? LECTURE.label);
  numbers.label = label in CLASSES ? label : LECTURE.label;
  return numbers;
}

const flat = ({ x, w1, b1, w2, b2 }: Numbers): number[] => [...x, ...w1.flat(), ...b1, ...w2.flat(), ...b2];

function unflat(values: number[]): Numbers {
  const rest = [...values];
  const take = (count: number) => rest.splice(0, count);
  const rows = (count: number, width: number) => Array.from({ length: count }, () => take(width));
  return { x: take(4), w1: rows(4, 4), b1: take(4), w2: rows(4, 3), b2: take(3), label: LECTURE.label };
}
