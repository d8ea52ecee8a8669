// Understand: the plane, the graph, convolution and the exercise; and all views on a narrow screen.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, settled } from "./browser.mjs";

let browser;
before(async () => (browser = await open()));
after(async () => {
  await browser.close();
  assert.deepEqual(browser.errors, [], "the page reports no errors");
});

const status = (page) => page.locator(".status").innerText();
const share = (text) => parseFloat(/([\d.]+) % of the points/.exec(text)?.[1] ?? "0");

/** Trains the plane until an accuracy is reached, for at most 1,500 steps. */
async function trained(address, wanted) {
  const page = await browser.visit(address);
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.waitForFunction(
    (least) => {
      const text = document.querySelector(".status").textContent;
      const right = parseFloat(/([\d.]+) % of the points/.exec(text)?.[1] ?? "0");
      const step = Number((/step ([\d,]+)/.exec(text)?.[0] ?? "").replace(/\D/g, ""));
      return right >= least || step > 1500;
    },
    wanted,
    { timeout: 60_000 },
  );
  const found = share(await status(page));
  await page.close();
  return found;
}

test(
  "a hidden layer divides XOR; without its activation it is a line again, and a line does " + "not",
  async () => {
    assert.ok((await trained("#/plane?points=xor&model=network&hidden=8&act=relu", 98)) >= 98);
    assert.ok((await trained("#/plane?points=xor&model=network&hidden=8&act=none", 98)) < 85);
    assert.ok((await trained("#/plane?points=xor&model=linear", 98)) < 85);
  },
);

test("the perceptron converges on two blobs, and neighbours need no training", async () => {
  assert.equal(await trained("#/plane?points=blobs&model=perceptron", 100), 100);
  const page = await browser.visit("#/plane?points=spiral&model=neighbors&k=1");
  await page.waitForFunction(() => /% of the points/.test(document.querySelector(".status").textContent));
  assert.equal(share(await status(page)), 100);
  await page.close();
});

test("each preset keeps what its lesson promises", async () => {
  const page = await browser.visit("#/plane");
  const accuracyAfter = async (title, steps, wanted) => {
    await page.getByRole("button", { name: title, exact: true }).click();
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await page.waitForFunction(
      ([most, least]) => {
        const text = document.querySelector(".status").textContent;
        const step = Number((/step ([\d,]+)/.exec(text)?.[1] ?? "").replace(/\D/g, ""));
        return step > most || parseFloat(/([\d.]+) % of the points/.exec(text)?.[1] ?? "0") >= least;
      },
      [steps, wanted],
      { timeout: 120_000 },
    );
    return share(await status(page));
  };
  const warning = page.locator(".remark.warning");
  assert.ok((await accuracyAfter("XOR without an activation", 700, 98)) < 85);
  assert.match(await warning.innerText(), /stopped falling.*only draw a line/);
  assert.ok((await accuracyAfter("XOR with ReLU", 1500, 98)) >= 98);
  assert.ok((await accuracyAfter("Spiral, too few units", 1500, 95)) < 90);
  assert.ok((await accuracyAfter("Spiral, more units", 3000, 95)) >= 95);
  assert.ok((await accuracyAfter("Learning rate too high", 600, 99)) < 99);
  await page.getByRole("button", { name: "One neighbour, much noise", exact: true }).click();
  await page.waitForFunction(() =>
    /^All points are stored/.test(document.querySelector(".status").textContent),
  );
  assert.equal(share(await status(page)), 100);
  assert.equal(await page.locator(".chart").isVisible(), false);
  await page.close();
});

test("points can be added, and a link restores them", async () => {
  const page = await browser.visit("#/plane?points=mine&model=neighbors&k=1");
  const canvas = page.locator(".plane-canvas");
  await canvas.click({ position: { x: 100, y: 100 } });
  await canvas.click({ position: { x: 300, y: 300 }, modifiers: ["Shift"] });
  await page.waitForFunction(() => /^All points/.test(document.querySelector(".status").textContent));
  assert.match(page.url(), /mine=[^&]+%2C0%3B[^&]+%2C1/);
  const other = await browser.visit(new URL(page.url()).hash);
  await other.waitForFunction(() =>
    /2 points/.test(document.querySelector(".plane-canvas").getAttribute("aria-label") ?? ""),
  );
  await page.close();
  await other.close();
});

test("the graph steps forward and backward, and a link restores the step", async () => {
  const page = await browser.visit("#/graph");
  const row = (name) =>
    page
      .locator(".nodes tbody tr", { has: page.locator(`th:text-is("${name}")`) })
      .locator("td")
      .allInnerTexts();
  await page.locator(".nodes tbody tr").first().waitFor();
  assert.deepEqual((await row("z")).slice(1, 4), ["−4", "3", "3"]);
  assert.deepEqual((await row("x")).slice(1, 4), ["−2", "−4", "−4"]);
  await page.getByRole("button", { name: "Start", exact: true }).click();
  assert.equal((await row("f"))[1], "…");
  for (let i = 0; i < 3; i++) await page.getByRole("button", { name: "Next", exact: true }).click();
  assert.match(await page.locator(".step-words").innerText(), /^Backward, 1 of/);
  const other = await browser.visit(new URL(page.url()).hash);
  await other.waitForFunction(() =>
    document.querySelector(".step-words").textContent.startsWith("Backward, 1 of"),
  );
  await other.getByLabel("Expression").fill("f = x +");
  await other.getByLabel("Expression").blur();
  await other.locator(".problem:not(:empty)").waitFor();
  await other.getByLabel("Graph of").selectOption("network");
  await other.waitForFunction(
    () =>
      document.querySelector(".problem").textContent === "" &&
      document.querySelectorAll(".nodes tbody tr").length > 8,
  );
  assert.ok(!(await other.locator(".nodes").innerText()).includes("differs"));
  await page.close();
  await other.close();
});

test("the written sum equals the value in the filtered map", async () => {
  const page = await browser.visit("#/convolution?of=5&at=8,10&kernel=-1,0,1,-1,0,1,-1,0,1");
  await page.locator(".written b").waitFor();
  const before = Number((await page.locator(".written b").innerText()).replace("−", "-"));
  const terms = await page.locator(".patch span").evaluateAll((cells) =>
    cells.map((cell) =>
      cell.innerText
        .replace(/−/g, "-")
        .split(/\s*×\s*/)
        .map(Number),
    ),
  );
  const sum = terms.reduce((all, [x, w]) => all + x * w, 0);
  // The written numbers are rounded to two places.
  assert.ok(Math.abs(Math.max(0, sum) - before) < 0.1, `${sum}, ${before}`);
  await page.locator(".kernel input").first().fill("3");
  await page.locator(".kernel input").first().blur();
  await page.waitForURL((url) => decodeURIComponent(url.href).includes("kernel=3,0,1"));
  await page.close();
});

test("the drawing lies on the map, with the neighbours that the engine finds", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  await page.getByRole("button", { name: "Draw a 4" }).click();
  await settled(page);
  const found = await page.locator('.card[data-model="sample"] .neighbors b').allInnerTexts();
  await page.locator('#nav [data-view="map"]').click();
  await page.waitForFunction(() => /% of the variance/.test(document.querySelector(".status").textContent));
  const shown = await page.locator(".map-side .neighbors b").allInnerTexts();
  assert.equal(shown.length, 5);
  assert.deepEqual(shown.slice(0, found.length), found);
  // The first two principal components of MNIST have about 17 % of its variance.
  const share = Number(/(\d+) % of the variance/.exec(await page.locator(".status").innerText())[1]);
  assert.ok(share >= 14 && share <= 20, `${share} %`);
  await page.close();
});

test("the lecture's image is a dog, until its numbers change", async () => {
  const page = await browser.visit("#/exercise");
  await page.locator(".answer-line strong", { hasText: "dog" }).waitFor();
  await page.getByLabel("x1", { exact: true }).fill("0");
  await page.getByLabel("x1", { exact: true }).blur();
  await page.waitForFunction(() => document.querySelector(".answer-line strong").textContent !== "dog");
  const changed = await page.locator(".answer-line").innerText();
  const other = await browser.visit(new URL(page.url()).hash);
  await other.locator(".answer-line strong").waitFor();
  assert.equal(await other.locator(".answer-line").innerText(), changed);
  await page.close();
  await other.close();
});

test("no view is wider than a narrow screen, and every control has a name", async () => {
  const page = await browser.visit("#/draw");
  await page.setViewportSize({ width: 360, height: 740 });
  for (const view of ["draw", "train", "plane", "graph", "convolution", "map", "exercise"]) {
    await page.evaluate((hash) => (location.hash = hash), `#/${view}`);
    await page.locator(`main.view-${view} h1`).waitFor({ state: "attached" });
    await page.waitForTimeout(300);
    const width = await page.evaluate(() => document.scrollingElement.scrollWidth);
    assert.ok(width <= 360, `${view} is ${width} pixels wide`);
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("button, input:not([hidden]), select, canvas[role=img], svg[role=img]")]
        .filter(
          (one) =>
            !one.closest("[hidden]") &&
            !(one.getAttribute("aria-label") || one.textContent.trim() || one.labels?.length),
        )
        .map((one) => one.outerHTML.slice(0, 100)),
    );
    assert.deepEqual(nameless, [], view);
  }
  await page.close();
});
