// Draw: digits are classified, with the same scores as the program.

import assert from "node:assert/strict";
import { copyFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { draw, MODELS, open, saved, settled, tercet } from "./browser.mjs";
import { DRAWINGS, OTHERS } from "./digits.mjs";

let browser;
let page;
let folder;
before(async () => {
  browser = await open();
  page = await browser.visit("#/draw");
  folder = await mkdtemp(join(tmpdir(), "tercet-page-"));
  await settled(page);
});
after(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
  assert.deepEqual(browser.errors, [], "the page reports no errors");
});

const predictedBy = (place) =>
  page.locator(`.matrix-of-answers [data-model="${place}"]`).getAttribute("data-class");
const prediction = (place) =>
  page.locator(`.card[data-model="${place}"]`).evaluate((card) => ({
    scores: JSON.parse(card.dataset.scores),
    neighbors: [...card.querySelectorAll(".neighbors li")].map((one) => [
      Number(one.dataset.index),
      Number(one.dataset.distance),
    ]),
  }));
const isDigit = () => page.locator(".verdict").getAttribute("data-digit");

test("drawn digits are classified correctly", async () => {
  const wrong = { convolution: [], network: [], linear: [], sample: [] };
  const rejected = [];
  for (const drawing of DRAWINGS) {
    await draw(page, drawing);
    const what = `${drawing.way} ${drawing.digit}`;
    for (const place of Object.keys(wrong)) {
      const found = await predictedBy(place);
      if (found !== String(drawing.digit)) wrong[place].push(`${what} as ${found}`);
    }
    if ((await isDigit()) !== "true") rejected.push(what);
  }
  const share = (list) =>
    `${DRAWINGS.length - list.length} of ` +
    `${DRAWINGS.length}${list.length ? `; wrong: ${list.join(", ")}` : ""}`;
  for (const [place, list] of Object.entries(wrong)) console.log(`${place}: ${share(list)}`);
  console.log(`accepted as digits: ${share(rejected)}`);
  assert.ok(DRAWINGS.length >= 50);
  assert.ok(
    wrong.convolution.length <= 0.05 * DRAWINGS.length,
    `misclassified by the convolutional network: ${wrong.convolution.join(", ")}`,
  );
  assert.ok(rejected.length <= 0.05 * DRAWINGS.length, `rejected: ${rejected.join(", ")}`);
});

test("drawings that are not digits are rejected", async () => {
  for (const other of OTHERS) {
    await draw(page, other);
    assert.equal(await isDigit(), "false", other.name);
    const expected = other.name === "hatching" ? /5 separate characters/ : /^Probably not a digit/;
    assert.match(await page.locator(".sentence").innerText(), expected, other.name);
  }
});

test("scores equal the program's to 1e-5, and neighbours are identical", async () => {
  for (const drawing of DRAWINGS.filter((_, i) => i % 7 === 0)) {
    await draw(page, drawing);
    const picture = join(folder, "drawn.png");
    await copyFile(await saved(page, "Save"), picture);
    for (const place of ["sample", "linear", "network", "convolution"]) {
      const [said] = await tercet(
        "predict",
        join(MODELS, `${place}.safetensors`),
        picture,
        "--json",
        "--explain",
      );
      const own = await prediction(place);
      compare(own, said, `${drawing.way} ${drawing.digit}, ${place}`);
    }
  }
});

function compare(own, said, what) {
  const scores = Object.values(said.scores);
  assert.equal(own.scores.length, scores.length, what);
  own.scores.forEach((score, i) => {
    const close = Math.abs(score - scores[i]) <= 1e-5 * Math.max(1, Math.abs(scores[i]));
    assert.ok(close, `${what}: ${score} in the page, ${scores[i]} by the program`);
  });
  const neighbors = (said.explanation?.neighbors ?? []).map(({ row, distance }) => [row, distance]);
  assert.deepEqual(own.neighbors, neighbors, what);
}

test("a link restores the drawing and the selected class", async () => {
  await draw(page, DRAWINGS[23]);
  await page.locator('.matrix-of-answers [data-model="linear"] button').nth(4).click();
  await settled(page);
  const before = [await prediction("convolution"), await prediction("sample")];
  const other = await browser.visit(new URL(page.url()).hash);
  await settled(other);
  const again = await other
    .locator('.card[data-model="convolution"]')
    .evaluate((card) => JSON.parse(card.dataset.scores));
  assert.deepEqual(again, before[0].scores);
  assert.equal(
    await other
      .locator('.matrix-of-answers [data-model="linear"] button')
      .nth(4)
      .getAttribute("aria-pressed"),
    "true",
  );
  await other.close();
});

test("drawing with the keyboard, undo, and opening a picture", async () => {
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator("canvas.pad").focus();
  await page.keyboard.press(" ");
  for (let i = 0; i < 16; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press(" ");
  await settled(page);
  assert.equal(await predictedBy("convolution"), "1");
  await page.keyboard.press("Backspace");
  await settled(page);
  assert.equal(await predictedBy("convolution"), "");

  await draw(page, DRAWINGS[3]);
  const scores = (await prediction("linear")).scores;
  const picture = join(folder, "again.png");
  await copyFile(await saved(page, "Save"), picture);
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator('input[type="file"][accept="image/*"]').setInputFiles(picture);
  await page.waitForFunction(
    () => document.querySelector('.matrix-of-answers [data-model="linear"]').dataset.class !== "",
  );
  await settled(page);
  // The picture now has three channels, all equal.
  assert.deepEqual((await prediction("linear")).scores, scores);
});

test("pictures can be pasted and dropped, and other files are an error", async () => {
  await draw(page, DRAWINGS[9]);
  const { scores } = await prediction("linear");
  const picture = (await readFile(await saved(page, "Save"))).toString("base64");
  // Simulates the browser's events.
  const give = (how, type, base64) =>
    page.evaluate(
      ([how, type, base64]) => {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], "given", { type }));
        if (how === "paste")
          document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        else
          document
            .querySelector(".pad-frame")
            .dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
      },
      [how, type, base64],
    );
  for (const how of ["paste", "drop"]) {
    await page.getByRole("button", { name: "Clear" }).click();
    await settled(page);
    await give(how, "image/png", picture);
    await page.waitForFunction(
      () => document.querySelector('.matrix-of-answers [data-model="linear"]').dataset.class !== "",
    );
    await settled(page);
    assert.deepEqual((await prediction("linear")).scores, scores, how);
  }
  await give("drop", "image/png", Buffer.from("no picture").toString("base64"));
  await page.locator("#toast.shown").waitFor();
  assert.match(await page.locator("#toast").innerText(), /cannot read that picture/);
});

test("the page works offline", async () => {
  await browser.context.setOffline(true);
  for (const drawing of [DRAWINGS[5], DRAWINGS[8]]) {
    await draw(page, drawing);
    assert.equal(await predictedBy("convolution"), String(drawing.digit));
  }
  for (const view of ["plane", "graph", "convolution", "exercise", "train", "draw"]) {
    await page.evaluate((hash) => (location.hash = hash), `#/${view}`);
    await page.locator(`main.view-${view} h1`).waitFor({ state: "attached" });
  }
  await settled(page);
  await browser.context.setOffline(false);
});
