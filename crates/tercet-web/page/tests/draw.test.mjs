// Draw: what is drawn is read, and as the program reads it.

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
  assert.deepEqual(browser.errors, [], "nothing goes wrong in the page");
});

const readBy = (place) => page.locator(`.chip[data-model="${place}"]`).getAttribute("data-class");
const reading = (place) =>
  page.locator(`.card[data-model="${place}"]`).evaluate((card) => ({
    scores: JSON.parse(card.dataset.scores),
    neighbors: [...card.querySelectorAll(".neighbors li")].map((one) => [
      Number(one.dataset.index),
      Number(one.dataset.distance),
    ]),
  }));
const isDigit = () => page.locator(".verdict").getAttribute("data-digit");

test("strokes on the canvas are read as the digits they are", async () => {
  const wrong = { convolution: [], network: [], linear: [], sample: [] };
  const turnedAway = [];
  for (const drawing of DRAWINGS) {
    await draw(page, drawing);
    const what = `${drawing.way} ${drawing.digit}`;
    for (const place of Object.keys(wrong)) {
      const found = await readBy(place);
      if (found !== String(drawing.digit)) wrong[place].push(`${what} as ${found}`);
    }
    if ((await isDigit()) !== "true") turnedAway.push(what);
  }
  const share = (list) =>
    `${DRAWINGS.length - list.length} of ` +
    `${DRAWINGS.length}${list.length ? `; wrong: ${list.join(", ")}` : ""}`;
  for (const [place, list] of Object.entries(wrong)) console.log(`${place}: ${share(list)}`);
  console.log(`taken for digits: ${share(turnedAway)}`);
  assert.ok(DRAWINGS.length >= 50);
  assert.ok(
    wrong.convolution.length <= 0.05 * DRAWINGS.length,
    `the convolutional network errs: ${wrong.convolution.join(", ")}`,
  );
  assert.ok(turnedAway.length <= 0.05 * DRAWINGS.length, `turned away: ${turnedAway.join(", ")}`);
});

test("what is no digit is said to be none", async () => {
  for (const other of OTHERS) {
    await draw(page, other);
    assert.equal(await isDigit(), "false", other.name);
    assert.match(await page.locator(".sentence").innerText(), /^Probably not a digit/);
  }
});

test("scores equal the program's to 1e-5, and neighbours exactly", async () => {
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
      const own = await reading(place);
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

test("a link restores the drawing and what was asked of it", async () => {
  await draw(page, DRAWINGS[23]);
  await page.locator('.card[data-model="linear"] .bar-row').nth(4).click();
  await settled(page);
  const before = [await reading("convolution"), await reading("sample")];
  const other = await browser.visit(new URL(page.url()).hash);
  await settled(other);
  const again = await other
    .locator('.card[data-model="convolution"]')
    .evaluate((card) => JSON.parse(card.dataset.scores));
  assert.deepEqual(again, before[0].scores);
  assert.equal(
    await other.locator('.card[data-model="linear"] .bar-row').nth(4).getAttribute("aria-pressed"),
    "true",
  );
  await other.close();
});

test("one can draw by keys, take back, and open a picture", async () => {
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator("canvas.pad").focus();
  await page.keyboard.press(" ");
  for (let i = 0; i < 16; i++) await page.keyboard.press("ArrowDown");
  await page.keyboard.press(" ");
  await settled(page);
  assert.equal(await readBy("convolution"), "1");
  await page.keyboard.press("Backspace");
  await settled(page);
  assert.equal(await readBy("convolution"), "");

  await draw(page, DRAWINGS[3]);
  const scores = (await reading("linear")).scores;
  const picture = join(folder, "again.png");
  await copyFile(await saved(page, "Save"), picture);
  await page.getByRole("button", { name: "Clear" }).click();
  await page.locator('input[type="file"][accept="image/*"]').setInputFiles(picture);
  await page.waitForFunction(() => document.querySelector('.chip[data-model="linear"]').dataset.class !== "");
  await settled(page);
  // The picture is in colour now, and grey all the same.
  assert.deepEqual((await reading("linear")).scores, scores);
});

test("a picture is pasted or dropped, and what is none is refused in words", async () => {
  await draw(page, DRAWINGS[9]);
  const { scores } = await reading("linear");
  const picture = (await readFile(await saved(page, "Save"))).toString("base64");
  // As a browser hands over what was on the clipboard or under the mouse.
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
      () => document.querySelector('.chip[data-model="linear"]').dataset.class !== "",
    );
    await settled(page);
    assert.deepEqual((await reading("linear")).scores, scores, how);
  }
  await give("drop", "image/png", Buffer.from("no picture").toString("base64"));
  await page.locator("#toast.shown").waitFor();
  assert.match(await page.locator("#toast").innerText(), /cannot read that picture/);
});

test("the page works with the network off", async () => {
  await browser.context.setOffline(true);
  for (const drawing of [DRAWINGS[5], DRAWINGS[8]]) {
    await draw(page, drawing);
    assert.equal(await readBy("convolution"), String(drawing.digit));
  }
  for (const view of ["plane", "graph", "convolution", "exercise", "train", "draw"]) {
    await page.evaluate((hash) => (location.hash = hash), `#/${view}`);
    await page.locator(`main.view-${view} h1`).waitFor({ state: "attached" });
  }
  await settled(page);
  await browser.context.setOffline(false);
});
