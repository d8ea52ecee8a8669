// What screen readers are told. Status lines change many times a second, so they are not live regions
// themselves.

import { byId } from "./dom";

/** A message is announced once nothing newer has followed it for this long, in milliseconds. */
const QUIET = 600;

let timer = 0;

/** Announces a message, unless another one follows at once. */
export function announce(message: string): void {
  window.clearTimeout(timer);
  timer = window.setTimeout(() => {
    byId("announcement").textContent = message;
  }, QUIET);
}
