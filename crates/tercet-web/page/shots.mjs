// Screenshots of the page, for the book and for changes of its design:
//
//     CHROMIUM=$(command -v chromium) node shots.mjs FOLDER
//
// writes every view at 1280 and 360 pixels, light and dark.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { draw, finished, open, settled } from "./tests/browser.mjs";
import { DRAWINGS } from "./tests/digits.mjs";

const folder = process.argv[2] ?? "shots";
await mkdir(folder, { recursive: true });

const trained = async (page) => {
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await finished(page);
};
const VIEWS = {
  draw: async (page) => {
    await settled(page);
    await draw(
      page,
      DRAWINGS.find(({ digit, way }) => digit === 5 && way === "plain"),
    );
  },
  train: async (page) => {
    await trained(page);
    await page.getByRole("button", { name: "Better network" }).click();
    await trained(page);
  },
  "plane?hidden=8&points=moons&noise=0.1": async (page) => {
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await page.waitForTimeout(4000);
    await page.getByRole("button", { name: "Pause" }).click();
  },
  graph: (page) => page.locator(".nodes tbody tr").first().waitFor(),
  convolution: (page) => page.locator(".written b").waitFor(),
  exercise: (page) => page.locator(".answer-line strong").waitFor(),
};

for (const [width, height, colorScheme] of [
  [1280, 860, "light"],
  [1280, 860, "dark"],
  [360, 740, "light"],
]) {
  const browser = await open({ width, height });
  for (const [view, prepare] of Object.entries(VIEWS)) {
    const page = await browser.visit("#/exercise");
    await page.emulateMedia({ colorScheme });
    await page.evaluate((hash) => (location.hash = hash), `#/${view}`);
    await prepare(page);
    await page.waitForTimeout(500);
    await page.evaluate(() => {
      document.activeElement?.blur();
      scrollTo(0, 0);
    });
    const name = `${view.split("?")[0]}-${width}-${colorScheme}.png`;
    await page.screenshot({ path: join(folder, name), fullPage: width < 500 });
    await page.close();
  }
  for (const error of browser.errors) console.error(`${width} ${colorScheme}: ${error}`);
  await browser.close();
}
