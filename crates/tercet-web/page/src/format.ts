// Numbers as text.

/** A number with a true minus sign and a fixed number of decimal places. */
export const fixed = (value: number, places: number): string => {
  const text = value.toFixed(places);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
};

/** A number with about three significant digits. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (value !== 0 && (size < 1e-3 || size >= 1e5))
    return value.toExponential(1).replace(/-/g, "−").replace("e+", "e");
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** A fraction as a percentage: 97.5 %. */
export const percent = (share: number, places = 1): string => `${fixed(100 * share, places)} %`;

/** A count: 55,000. */
export const count = (value: number): string => value.toLocaleString("en-GB");

/** A number with two decimal places; a very large one with its exponent. */
export const entry = (value: number): string => (Math.abs(value) < 1e6 ? fixed(value, 2) : short(value));

/** The same, in brackets if it is negative, so that it can follow an operator. */
export const parenthesized = (value: number): string => (value < 0 ? `(${entry(value)})` : entry(value));
