// Train: a model is trained in the page, and the program opens its file.

import assert from "node:assert/strict";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { draw, finished, open, saved, settled, tercet } from "./browser.mjs";
import { DRAWINGS } from "./digits.mjs";

let browser;
let page;
let folder;
before(async () => {
  browser = await open();
  page = await browser.visit("#/train");
  folder = await mkdtemp(join(tmpdir(), "tercet-page-"));
});
after(async () => {
  await browser.close();
  await rm(folder, { recursive: true });
  assert.deepEqual(browser.errors, [], "the page reports no errors");
});

const done = () => finished(page);
const press = (name) => page.getByRole("button", { name, exact: true }).click();
/** The cells of the last run: steps, time, losses, accuracy. */
const lastRun = async () =>
  await page.locator(".runs tbody tr").last().locator("td[data-title]").allTextContents();

test("the lecture's run lowers the loss", async () => {
  await press("Train");
  await done();
  const [steps, time, , validation] = await lastRun();
  console.log(`the lecture's run in the page: ${time}`);
  assert.equal(steps, "1,500");
  // With equal scores, the loss is 9.
  assert.ok(Number(validation) < 2, `validation loss ${validation}`);
  assert.ok((await page.locator(".templates canvas").count()) >= 36);
  assert.ok((await page.locator(".histogram").count()) >= 4);
  assert.match(await page.locator(".layers").innerText(), /of 36 units dead/);
});

test("training reaches 95 %, pauses, takes single steps, and changes its learning rate", async () => {
  await press("Better network");
  await press("Train");
  await page.waitForFunction(() => document.querySelector("progress").value > 50);
  await press("Pause");
  await page.getByRole("button", { name: "Resume" }).waitFor();
  await page.waitForFunction(() => document.querySelector(".status").textContent.startsWith("Paused"));
  const at = Number((await lastRun())[0].replace(",", ""));
  await press("One step");
  await page.waitForFunction((wanted) => document.querySelector("progress").value === wanted, at + 1);
  const rate = Number(await page.locator(".rate").innerText());
  await page.getByLabel("Halve the learning rate").click();
  await press("One step");
  await page.waitForFunction((wanted) => document.querySelector("progress").value === wanted, at + 2);
  const halved = Number(await page.locator(".rate").innerText());
  assert.ok(Math.abs(halved - rate / 2) < 0.02 * rate, `${rate}, then ${halved}`);
  await page.getByLabel("Double the learning rate").click();
  await press("Resume");
  await done();
  const accuracy = parseFloat((await lastRun()).at(-1));
  assert.ok(accuracy >= 95, `${accuracy} %`);
});

test("the program opens a model trained in the page and gives the same scores", async () => {
  const model = join(folder, "trained.safetensors");
  await copyFile(await saved(page, "Download model"), model);
  await press("Use in Draw");
  await settled(page);
  await page.locator('.card[data-model="mine"]').waitFor();
  await draw(page, DRAWINGS[7]);
  const picture = join(folder, "drawn.png");
  await copyFile(await saved(page, "Save"), picture);
  const own = JSON.parse(await page.locator('.card[data-model="mine"]').getAttribute("data-scores"));
  const [said] = await tercet("predict", model, picture, "--json");
  Object.values(said.scores).forEach((score, i) =>
    assert.ok(Math.abs(score - own[i]) <= 1e-5 * Math.max(1, Math.abs(score)), `${score}, ${own[i]}`),
  );
});

test("the page opens model files, and other files are an error", async () => {
  const model = join(folder, "trained.safetensors");
  const picker = page.locator('input[type="file"][accept=".safetensors"]');
  await picker.setInputFiles({
    name: "cat.safetensors",
    mimeType: "application/octet-stream",
    buffer: Buffer.from("no model"),
  });
  await page.locator("#toast.shown").waitFor();
  assert.match(await page.locator("#toast").innerText(), /cat\.safetensors/);
  await picker.setInputFiles(model);
  await page.locator('.card[data-model="mine-2"] h3', { hasText: "trained.safetensors" }).waitFor();
});

test("a learning rate that is too high is reported", async () => {
  await page.evaluate(() => (location.hash = "#/train?lr=100&opt=momentum&init=he&length=300&reg=0.1"));
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.waitForFunction(() => /^Stopped: /.test(document.querySelector(".status").textContent));
  assert.match(await page.locator(".status").innerText(), /learning rate/);
});

test("neighbours are found among all 60,000 images", async () => {
  await page.evaluate(() => (location.hash = "#/draw"));
  await settled(page);
  await press("Use all 60,000 images");
  await page.locator('.card[data-model="all"]').waitFor({ timeout: 120_000 });
  await draw(page, DRAWINGS[2]);
  assert.equal(await page.locator('.matrix-of-answers [data-model="all"]').getAttribute("data-class"), "2");
  console.log(
    `a prediction of all models with 60,000 stored images: ` +
      `${await page.locator(".view").getAttribute("data-milliseconds")} ms`,
  );
});

test("a link restores the settings", async () => {
  const other = await browser.visit(
    "#/train?model=convolution&lr=0.003&opt=adam&batch=77&loss=softmax&act=gelu",
  );
  assert.equal(await other.getByLabel("Model", { exact: true }).inputValue(), "convolution");
  assert.equal(await other.getByLabel("Learning rate", { exact: true }).inputValue(), "0.003");
  assert.equal(await other.getByLabel("Optimizer").inputValue(), "adam");
  assert.equal(await other.getByLabel("Batch size", { exact: true }).inputValue(), "77");
  assert.equal(await other.getByLabel("Activation").inputValue(), "gelu");
  await other.getByLabel("Batch size", { exact: true }).fill("99");
  await other.getByLabel("Batch size", { exact: true }).blur();
  assert.match(other.url(), /batch=99/);
  await other.close();
});
