// Measures the page: the time from a stroke to its predictions, and that of the lecture's run. Prints JSON.

import { draw, finished, open, settled } from "./browser.mjs";
import { DRAWINGS } from "./digits.mjs";

const RUNS = 7;
const browser = await open();
const page = await browser.visit("#/draw");
await settled(page);
// Warm up: the first prediction compiles the code.
await draw(page, DRAWINGS[0]);
await page.evaluate(() => {
  window.readings = [];
  const view = document.querySelector(".view");
  new MutationObserver(() =>
    window.readings.push({
      computing: Number(view.dataset.computing),
      shown: Number(view.dataset.milliseconds),
    }),
  ).observe(view, { attributeFilter: ["data-milliseconds"] });
});
for (const drawing of DRAWINGS) await draw(page, drawing);
const readings = await page.evaluate(() => window.readings);

await page.evaluate(() => (location.hash = "#/train"));
const lecture = [];
for (let run = 0; run < RUNS; run++) {
  await page.getByRole("button", { name: "Train", exact: true }).click();
  // The cells of a run: colour, steps, time, ….
  const cells = () => page.locator(".runs tbody tr").nth(run).locator("td").allInnerTexts();
  await page.waitForFunction(
    (row) => document.querySelectorAll(".runs tbody tr")[row]?.cells[2]?.innerText === "1,500",
    run,
  );
  await finished(page);
  lecture.push((await cells())[2]);
}
if (browser.errors.length) throw new Error(browser.errors.join("; "));
await browser.close();
console.log(JSON.stringify({ readings, lecture }));
