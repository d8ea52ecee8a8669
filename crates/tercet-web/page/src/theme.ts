// Light, dark, or as the system says.

import { byId } from "./dom";

type Theme = "auto" | "light" | "dark";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };
const WORDS: Record<Theme, string> = {
  auto: "Theme: as the system",
  light: "Theme: light",
  dark: "Theme: dark",
};
const SIGN: Record<Theme, string> = { auto: "◐", light: "○", dark: "●" };

/**
 * Colours of pictures come from the style sheet; whoever paints listens for `themechange` and paints again.
 */
export function startTheme(): void {
  const button = byId("theme");
  let theme: Theme = "auto";
  try {
    const kept = localStorage.getItem("tercet-theme");
    if (kept === "light" || kept === "dark") theme = kept;
  } catch {
    // Where nothing may be kept, the system decides.
  }
  const apply = () => {
    document.documentElement.style.colorScheme = theme === "auto" ? "light dark" : theme;
    button.textContent = SIGN[theme];
    button.setAttribute("aria-label", WORDS[theme]);
    button.title = WORDS[theme];
    known.clear();
    document.dispatchEvent(new Event("themechange"));
  };
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    try {
      localStorage.setItem("tercet-theme", theme);
    } catch {
      // It holds for this visit.
    }
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
}

const probe = document.createElement("i");
/** Colours that were asked for: to ask the style sheet takes longer than to paint a picture. */
const known = new Map<string, [number, number, number]>();

/** A colour of the style sheet, as red, green and blue: `color("--positive")`. */
export function color(name: string): [number, number, number] {
  const found = known.get(name);
  if (found) return found;
  if (!probe.isConnected) {
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(${name})`;
  const [r = 0, g = 0, b = 0] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? []).map(Number);
  known.set(name, [r, g, b]);
  return [r, g, b];
}

/** The same as text, for charts. */
export const cssColor = (name: string): string => `rgb(${color(name).join(" ")})`;

/** Whether things may move by themselves. */
export const mayMove = (): boolean => !matchMedia("(prefers-reduced-motion: reduce)").matches;
