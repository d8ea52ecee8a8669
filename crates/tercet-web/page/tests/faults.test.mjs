// What the page shows when something is missing, wrong, slow, or unusual.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { draw, finished, go, open, saved, settled } from "./browser.mjs";
import { DRAWINGS } from "./digits.mjs";

let browser;
before(async () => (browser = await open()));
after(async () => {
  await browser.close();
  assert.deepEqual(browser.errors, [], "the page reports no errors");
});

const answerOf = (page, model) =>
  page.locator(`.matrix-of-answers [data-model="${model}"]`).getAttribute("data-class");
/** Types into a field, and returns what it shows then with its note. */
async function typed(page, label, text) {
  const field = page.getByLabel(label, { exact: true });
  // A number field accepts letters from the keyboard only.
  await field.fill("");
  await field.pressSequentially(text);
  await field.blur();
  const note = await page.locator(`#${await field.getAttribute("aria-describedby")}`).innerText();
  return [await field.inputValue(), note];
}

test("a full pad gets its own advice, and no answer stays next to an error", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  await draw(page, DRAWINGS[3]);
  const rows = Array.from({ length: 9 }, (_, i) => [
    [0, 4 + 34 * i],
    [280, 4 + 34 * i],
  ]);
  await draw(page, { strokes: rows, pen: 48 });
  assert.match(await page.locator(".sentence").innerText(), /almost covered with ink.*thinner pen/);
  assert.equal(await answerOf(page, "convolution"), "");
  assert.equal(await page.locator(".card:not(.empty)").count(), 0);
  await go(page, "#/graph");
  await page.getByLabel("Expression").fill("f = x +");
  await page.getByLabel("Expression").blur();
  await page.locator(".problem:not(:empty)").waitFor();
  assert.equal(await page.locator(".nodes").isVisible(), false);
  assert.equal(await page.locator(".step-words").innerText(), "");
  await page.close();
});

test("nothing can be saved while the pad is blank, and an opened picture is saved itself", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  await page.getByRole("button", { name: "Clear" }).click();
  await settled(page);
  const save = page.getByRole("button", { name: "Save", exact: true });
  assert.equal(await save.isDisabled(), true);
  await page.getByRole("button", { name: "Draw a 7" }).click();
  await settled(page);
  const drawn = await saved(page, "Save");
  await page.getByRole("button", { name: "Clear" }).click();
  await settled(page);
  await page.locator('input[type="file"][accept="image/*"]').setInputFiles({
    name: "seven.png",
    mimeType: "image/png",
    buffer: await (await import("node:fs/promises")).readFile(drawn),
  });
  await page.waitForFunction(
    () => document.querySelector('.matrix-of-answers [data-model="linear"]').dataset.class !== "",
  );
  const again = await saved(page, "Save");
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator('input[type="file"][accept="image/*"]').setInputFiles(again);
  await page.waitForFunction(
    () => document.querySelector('.matrix-of-answers [data-model="convolution"]').dataset.class === "7",
  );
  await page.close();
});

test("fields show the value that is used, and say why", async () => {
  const page = await browser.visit("#/train");
  assert.deepEqual(await typed(page, "Learning rate", "1000"), ["100", "1000 is above the maximum, 100."]);
  assert.deepEqual(await typed(page, "Learning rate", "-1"), [
    "0.000001",
    "-1 is below the minimum, 0.000001.",
  ]);
  assert.deepEqual(await typed(page, "Batch size", "3.5"), ["4", "3.5 is not a whole number."]);
  assert.deepEqual(await typed(page, "Batch size", "e"), ["4", "Not a number: 4 is used."]);
  assert.deepEqual(await typed(page, "Hidden units", "abc"), [
    "36",
    "“abc” is not a whole number: 36 is used.",
  ]);
  assert.deepEqual(await typed(page, "Hidden units", "3.5"), [
    "36",
    "“3.5” is not a whole number: 36 is used.",
  ]);
  assert.deepEqual(await typed(page, "Hidden units", "64, 32"), ["64 32", ""]);
  await go(page, "#/plane?hidden=1000&lr=99");
  assert.equal(await page.getByLabel("Hidden units").inputValue(), "8");
  assert.equal(await page.getByLabel("Learning rate").inputValue(), "10");
  await go(page, "#/exercise");
  await page.locator(".answer-line strong").waitFor();
  await page.getByLabel("x1", { exact: true }).fill("1e300");
  await page.getByLabel("x1", { exact: true }).blur();
  assert.equal(await page.getByLabel("x1", { exact: true }).inputValue(), "1000000");
  assert.match(await page.locator(".field-note").first().innerText(), /above the maximum/);
  await page.close();
});

test("while MNIST is loading, one run is started, and it can be cancelled", async () => {
  const page = await browser.context.newPage();
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/data/**", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`${browser.address}#/train?length=40`);
  const start = page.locator(".controls .primary");
  await start.click();
  await page.waitForFunction(() => /^Loading MNIST/.test(document.querySelector(".status").textContent));
  assert.equal(await page.getByRole("button", { name: "One step" }).isDisabled(), true);
  assert.equal(await start.innerText(), "Cancel");
  await start.click();
  assert.match(await page.locator(".status").innerText(), /^Cancelled/);
  release();
  await page.waitForFunction(() => document.querySelector(".controls .primary").textContent === "Train");
  assert.equal(await page.locator(".runs tbody tr").count(), 0);
  await start.click();
  await finished(page);
  assert.equal(await page.locator(".runs tbody tr").count(), 1);
  await page.close();
});

test("Pause answers at once, and the learning rate is shown as a number", async () => {
  const page = await browser.visit("#/train?hidden=512&batch=5000&length=200");
  await page.locator(".controls .primary").click();
  await page.waitForFunction(() => document.querySelector(".controls .primary").textContent === "Pause");
  await page.locator(".controls .primary").click();
  const words = await page.locator(".status").innerText();
  assert.match(words, /^Paus(ing|ed)/);
  await page.waitForFunction(() => /^Paused/.test(document.querySelector(".status").textContent));
  await page.getByLabel("Halve the learning rate").click();
  await page.waitForFunction(() => document.querySelector(".rate").textContent === "0.050");
  await page.close();
});

test("titles distinguish runs, their table fits, and the loss has a logarithmic axis", async () => {
  const page = await browser.visit("#/train?length=20");
  await page.locator(".controls .primary").click();
  await finished(page);
  await page.getByLabel("Seed").fill("3");
  await page.locator(".controls .primary").click();
  await page.waitForFunction(() => document.querySelectorAll(".runs tbody tr").length === 2);
  await finished(page);
  const titles = await page.locator(".runs tbody th").allInnerTexts();
  assert.match(titles[1], /seed 3/);
  for (const width of [390, 900, 1280, 1440]) {
    await page.setViewportSize({ width, height: 800 });
    const cut = await page.locator(".runs").evaluate((table) => {
      const room = table.parentElement;
      return room.scrollWidth - room.clientWidth;
    });
    assert.ok(cut <= 1, `at ${width}, the table is ${cut} pixels too wide`);
  }
  await page.getByLabel("logarithmic").check();
  await page.close();
});

test("what is announced is little: live regions change rarely during training", async () => {
  const page = await browser.visit("#/train?length=1500");
  await page.evaluate(() => {
    window.changes = 0;
    for (const region of document.querySelectorAll('[role="status"], [aria-live]')) {
      const options = { childList: true, characterData: true, subtree: true };
      new MutationObserver(() => window.changes++).observe(region, options);
    }
  });
  await page.locator(".controls .primary").click();
  await finished(page);
  await page.waitForTimeout(1000);
  const changes = await page.evaluate(() => window.changes);
  assert.ok(changes >= 1 && changes <= 6, `${changes} announcements`);
  await page.close();
});

test("a filter of any size is beside its pictures, not under them", async () => {
  const kernel = (side) => Array.from({ length: side * side }, () => -0.25).join(",");
  const page = await browser.visit("#/convolution");
  for (const side of [3, 5, 7]) {
    await go(page, `#/convolution?of=5&kernel=${kernel(side)}`);
    await page.waitForFunction((n) => document.querySelectorAll(".kernel input").length === n, side * side);
    await page.locator(".written b").waitFor();
    for (const width of [390, 820, 1000, 1280, 1440, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      const overlaps = await page.evaluate(() => {
        const grid = document.querySelector(".kernel").getBoundingClientRect();
        const inputs = [...document.querySelectorAll(".kernel input")].map((one) =>
          one.getBoundingClientRect(),
        );
        const right = Math.max(...inputs.map((one) => one.right));
        const pictures = [...document.querySelectorAll(".framed")].map((one) => one.getBoundingClientRect());
        const hit = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        return right > grid.right + 1 || right > innerWidth || pictures.some((one) => hit(grid, one));
      });
      assert.equal(overlaps, false, `${side} × ${side} at ${width}`);
    }
  }
  await page.close();
});

test("in the graph of a network, no text leaves its box or covers another", async () => {
  const page = await browser.visit("#/graph?of=network&sizes=4-5-3&seed=1&loss=softmax");
  await page.locator(".node").first().waitFor();
  const bad = await page.evaluate(() => {
    const box = (one) => one.getBoundingClientRect();
    const found = [];
    const nodes = [...document.querySelectorAll(".node")];
    for (const node of nodes) {
      const frame = box(node.querySelector("rect"));
      for (const text of node.querySelectorAll("text")) {
        if (text.textContent && (box(text).left < frame.left || box(text).right > frame.right))
          found.push(`overflow: ${text.textContent}`);
      }
    }
    for (const label of document.querySelectorAll(".derivative")) {
      const own = box(label);
      for (const node of nodes) {
        const frame = box(node.querySelector("rect"));
        const hit =
          own.left < frame.right &&
          frame.left < own.right &&
          own.top < frame.bottom &&
          frame.top < own.bottom;
        if (hit) found.push(`covers a node: ${label.textContent}`);
      }
    }
    return found;
  });
  assert.deepEqual(bad, []);
  await page.close();
});

test("a gradient that is not a number is not said to differ", async () => {
  const page = await browser.visit(
    `#/graph?f=${encodeURIComponent("f = log(x)")}&at=${encodeURIComponent("x = -1")}`,
  );
  await page.waitForFunction(
    () =>
      document.querySelector(".problem").textContent || document.querySelectorAll(".nodes tbody tr").length,
  );
  assert.ok(!(await page.locator("main").innerText()).includes("differs"));
  await page.close();
});

test("on a phone, answers and Train button are on the first screen, and all views are named", async () => {
  const context = await browser.browser.newContext({ viewport: { width: 390, height: 844 } });
  const page = await context.newPage();
  await page.goto(`${browser.address}#/draw`);
  await settled(page);
  const bottom = async (selector) => {
    const box = await page.locator(selector).first().boundingBox();
    return box.y + box.height;
  };
  assert.ok((await bottom(".verdict")) < 844, `the answers end at ${await bottom(".verdict")}`);
  assert.ok(await page.getByText("Understand", { exact: true }).isVisible());
  await go(page, "#/train");
  assert.ok(
    (await bottom(".controls .primary")) < 600,
    `Train ends at ${await bottom(".controls .primary")}`,
  );
  await context.close();
});

test("forced colours do not paint pictures black", async () => {
  const context = await browser.browser.newContext({ forcedColors: "active" });
  const page = await context.newPage();
  await page.goto(`${browser.address}#/draw`);
  await settled(page);
  const colors = await page.evaluate(() => {
    const canvas = document.querySelector('.card[data-model="linear"] canvas');
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 3).join()))
      .size;
  });
  assert.ok(colors > 20, `${colors} colours in a template`);
  await context.close();
});

test("loading is visible, and a failure stays until it is mended", async () => {
  const context = await browser.browser.newContext({ serviceWorkers: "block" });
  const page = await context.newPage();
  let isBroken = true;
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/models/linear*", async (route) => {
    await held;
    await (isBroken ? route.fulfill({ status: 500 }) : route.continue());
  });
  await page.goto(`${browser.address}#/draw`);
  await page.locator(".card.loading").first().waitFor();
  assert.equal(await page.locator(".card.loading").count(), 4);
  release();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  assert.match(await page.locator(".sentence").innerText(), /could not be loaded/);
  isBroken = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await settled(page);
  assert.equal(await page.locator(".card:not(.loading)").count(), 4);
  await context.close();
});

test("after the first visit, the page opens without a network", async () => {
  const context = await browser.browser.newContext();
  const page = await context.newPage();
  await page.goto(`${browser.address}#/draw`);
  await settled(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await context.setOffline(true);
  await page.reload();
  await settled(page);
  await page.getByRole("button", { name: "Draw a 3" }).click();
  await settled(page);
  assert.equal(await answerOf(page, "convolution"), "3");
  await context.close();
});

test("opened as a file, the page says how to open it", async () => {
  const context = await browser.browser.newContext();
  const page = await context.newPage();
  const folder = browser.folder;
  await page.goto(`file://${folder}/index.html`);
  await page.getByText(/start tercet serve/).waitFor({ timeout: 10_000 });
  await context.close();
});
