// The theme: light, dark, or that of the system.

import { byId } from "./dom";

type Theme = "auto" | "light" | "dark";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };
const LABELS: Record<Theme, string> = {
  auto: "Theme: system",
  light: "Theme: light",
  dark: "Theme: dark",
};
const SYMBOLS: Record<Theme, string> = { auto: "◐", light: "○", dark: "●" };

/** Sets up the button that changes the theme. Canvases are repainted on the event `themechange`. */
export function startTheme(): void {
  const button = byId("theme");
  let theme: Theme = "auto";
  try {
    const saved = localStorage.getItem("tercet-theme");
    if (saved === "light" || saved === "dark") theme = saved;
  } catch {
    // Without local storage, the theme is that of the system.
  }
  const apply = () => {
    document.documentElement.style.colorScheme = theme === "auto" ? "light dark" : theme;
    button.textContent = SYMBOLS[theme];
    button.setAttribute("aria-label", LABELS[theme]);
    button.title = LABELS[theme];
    cache.clear();
    document.dispatchEvent(new Event("themechange"));
  };
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    try {
      localStorage.setItem("tercet-theme", theme);
    } catch {
      // The choice is not saved.
    }
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
}

const probe = document.createElement("i");
/** A cache: looking a colour up in the style sheet takes longer than painting a picture. */
const cache = new Map<string, [number, number, number]>();

/** A colour of the style sheet, as red, green and blue: `color("--positive")`. */
export function color(name: string): [number, number, number] {
  const found = cache.get(name);
  if (found) return found;
  if (!probe.isConnected) {
    probe.hidden = true;
    // With forced colours, every colour would be that of the text, and every picture black.
    probe.style.setProperty("forced-color-adjust", "none");
    document.body.append(probe);
  }
  probe.style.color = `var(${name})`;
  const [r = 0, g = 0, b = 0] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? []).map(Number);
  cache.set(name, [r, g, b]);
  return [r, g, b];
}

/** The same as CSS text, for charts. */
export const cssColor = (name: string): string => `rgb(${color(name).join(" ")})`;

/** Whether animations are allowed. */
export const mayAnimate = (): boolean => !matchMedia("(prefers-reduced-motion: reduce)").matches;
