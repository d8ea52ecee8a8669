// What the page shows when something is missing, wrong, slow, or unusual.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { draw, finished, go, MODELS, open, saved, settled } from "./browser.mjs";
import { DRAWINGS, OTHERS } from "./digits.mjs";

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
    buffer: await readFile(drawn),
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

/** A copy of a model file whose classes have other names. */
async function renamed(names) {
  const bytes = await readFile(join(MODELS, "linear.safetensors"));
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length));
  const description = JSON.parse(header.__metadata__.tercet);
  description.card.classes = { names, type: "text" };
  header.__metadata__.tercet = JSON.stringify(description);
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([size, padded, bytes.subarray(8 + length)]);
}

test("a model with other classes is named by its own, and is left out of the comparison", async () => {
  const names = [
    "Top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
  ];
  const page = await browser.visit("#/draw");
  await settled(page);
  await page.getByRole("button", { name: "Draw a 3" }).click();
  await settled(page);
  const before = await page.locator(".sentence").innerText();
  assert.match(before, /^All four models predict 3/);
  const mimeType = "application/octet-stream";
  const file = { name: "fashion.safetensors", mimeType, buffer: await renamed(names) };
  await page.locator('input[type="file"][accept=".safetensors"]').setInputFiles(file);
  const card = page.locator('.card[data-model="mine"]');
  await card.locator("h3", { hasText: "fashion" }).waitFor();
  await page.waitForFunction(() => /fashion/.test(document.querySelector(".sentence").textContent));
  assert.match(
    await page.locator(".sentence").innerText(),
    /^All four models predict 3\..*other classes: Dress/,
  );
  assert.equal(await card.locator(".answer").innerText(), "Dress");
  const covered = await card.locator(".bar-row").evaluateAll((rows) =>
    rows.filter((row) => {
      const [name, track] = [".name", ".track"].map((one) => row.querySelector(one).getBoundingClientRect());
      return name.right > track.left || row.scrollWidth > row.clientWidth;
    }),
  );
  assert.equal(covered.length, 0, "no bar covers the name of a class");
  await page.close();
});

test("half of the models are no majority", async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../src/views/draw/answers.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    write: false,
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  const { answersOf } = await import(`data:text/javascript;base64,${code}`);
  const models = ["a", "b", "c", "d"].map((name) => ({ name, about: { classes: ["0", "1", "2"] } }));
  const majority = (...classes) =>
    answersOf({ models: classes.map((index, i) => [models[i].name, { class: index }]) }, models).majority;
  assert.equal(majority(1, 1, 2, 2), null);
  assert.equal(majority(1, 1, 2, 0), null);
  assert.equal(majority(1, 1, 1, 0), "1");
});

test("a tie between neighbours is explained", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  const tied = [];
  for (const drawing of [...OTHERS, ...DRAWINGS.filter(({ way }) => way === "small" || way === "thin")]) {
    await draw(page, drawing);
    const card = page.locator('.card[data-model="sample"]');
    const labels = await card.locator(".neighbors b").allInnerTexts();
    const words = await card.locator(".certainty").innerText();
    const isTie = new Set(labels).size === labels.length;
    assert.equal(/a tie between .* the first of these classes/.test(words), isTie, `${labels}: ${words}`);
    if (isTie) tied.push(labels.join());
  }
  assert.ok(tied.length > 0, "some drawing has three neighbours of three classes");
  await page.close();
});

test("a unit of the drawn network shows its weights, its sum and the images that excite it", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  await page.getByRole("button", { name: "Draw a 2" }).click();
  await settled(page);
  const card = page.locator('.card[data-model="network"]');
  assert.equal(await card.locator(".unit-node").count(), 46);
  await card.locator(".network-drawing").focus();
  let active = 0;
  for (let unit = 0; unit < 36; unit++) {
    await page.keyboard.press("ArrowDown");
    const [, total, activation] = /= (.*); after the activation (.*)$/.exec(
      (await card.locator(".unit-details .sum").first().innerText()).replaceAll("−", "-"),
    );
    // The activation is the engine's, and the sum that of the weights and pixels in the page.
    assert.ok(Math.abs(Math.max(0, Number(total)) - Number(activation)) < 0.02, `${total}, ${activation}`);
    if (Number(activation) > 0) active++;
  }
  // Announced once the keys are quiet for a moment.
  await page.waitForFunction(() => document.querySelector("#announcement").textContent !== "");
  assert.ok(active > 3 && active < 36, `${active} active`);
  assert.equal(await card.locator(".exciting canvas").count(), 6);
  await page.keyboard.press("Escape");
  assert.match(
    await card.locator(".wiring + .sum").innerText(),
    new RegExp(`^${active} of 36 units are active`),
  );
  await page.close();
});

test("a feature map opens its filter on the drawing, and the filter slides", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  await page.getByRole("button", { name: "Draw a 4" }).click();
  await settled(page);
  await page.locator('.card[data-model="convolution"] .maps a').nth(2).click();
  await page.locator(".written b").waitFor();
  assert.equal(await page.locator(".kernel input").count(), 25);
  assert.equal(await page.getByLabel("Picture", { exact: true }).inputValue(), "drawn");
  const before = await page.locator(".written p").innerText();
  await page.getByRole("button", { name: "Slide" }).click();
  await page.waitForFunction((words) => document.querySelector(".written p").textContent !== words, before);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.close();
});

test("overfitting is said in a sentence", async () => {
  const page = await browser.visit("#/train");
  await page.getByRole("button", { name: "Overfitting", exact: true }).click();
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await finished(page);
  assert.match(
    await page.locator(".remark").innerText(),
    /^Overfitting: (9\d|100)\.\d % of the training images/,
  );
  await page.getByRole("button", { name: "The lecture’s run" }).click();
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll(".runs tbody tr").length === 2);
  await finished(page);
  assert.equal(await page.locator(".remark").isVisible(), false);
  await page.close();
});
