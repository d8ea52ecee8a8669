// Navigation: every way from one view to another and back, and the work that survives it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { draw, finished, go, open, settled } from "./browser.mjs";
import { DRAWINGS } from "./digits.mjs";

const VIEWS = ["draw", "train", "plane", "graph", "convolution", "map", "exercise"];

let browser;
before(async () => (browser = await open()));
after(async () => {
  await browser.close();
  assert.deepEqual(browser.errors, [], "the page reports no errors");
});

/** The view on the screen, and the one that the address and the navigation name. */
const shown = (page) =>
  page.evaluate(() => ({
    main: document.querySelector("main").className.replace("view-", ""),
    address: /\w+/.exec(location.hash)?.[0],
    current: document.querySelector("#nav [aria-current]")?.dataset.view,
    titles: document.querySelectorAll("main h1").length,
  }));
const isShown = (page, view) =>
  page.waitForFunction((name) => document.querySelector("main").className === `view-${name}`, view);

test("every way A → B → A, by link and by Back and Forward", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  const follow = (view) => page.locator(`#nav [data-view="${view}"]`).click();
  for (const a of VIEWS) {
    for (const b of VIEWS.filter((view) => view !== a)) {
      await follow(a);
      for (const [step, view] of [
        [() => follow(b), b],
        [() => follow(a), a],
        [() => page.goBack(), b],
        [() => page.goBack(), a],
        [() => page.goForward(), b],
        [() => page.goForward(), a],
      ]) {
        await step();
        await isShown(page, view);
        assert.deepEqual(
          await shown(page),
          { main: view, address: view, current: view, titles: 1 },
          `${a}, ${b}`,
        );
      }
    }
  }
  await page.close();
});

test("a drawing survives another view, and a bare link does not reset a view", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  await draw(page, DRAWINGS[4]);
  const ink = new URL(page.url()).hash;
  await go(page, "#/graph");
  await go(page, "#/draw");
  await settled(page);
  assert.equal(new URL(page.url()).hash, ink);
  assert.equal(
    await page.locator('.matrix-of-answers [data-model="convolution"]').getAttribute("data-class"),
    "4",
  );
  await go(page, "#/plane?points=moons");
  await go(page, "#/plane");
  assert.match(page.url(), /points=moons/);
  assert.equal(await page.getByLabel("Data set").inputValue(), "moons");
  await page.close();
});

test("a trained model survives other views, and two can be used beside each other", async () => {
  const page = await browser.visit("#/train?length=30");
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await finished(page);
  await go(page, "#/draw");
  await settled(page);
  await page.goBack();
  await isShown(page, "train");
  assert.match(await page.locator(".status").innerText(), /^Finished: step 30/);
  await page.getByLabel("Train for").fill("20");
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.waitForFunction(() => /^Finished: step 20/.test(document.querySelector(".status").textContent));
  for (const run of [1, 2]) {
    await page.getByRole("button", { name: `Use run ${run} in Draw` }).click();
    await isShown(page, "draw");
    await page.locator(`.card[data-model="${run === 1 ? "mine" : "mine-2"}"]`).waitFor();
    await page.goBack();
  }
  await go(page, "#/draw");
  await page.getByRole("button", { name: /^Remove Run 1/ }).click();
  await page.locator('.card[data-model="mine"]').waitFor({ state: "detached" });
  assert.equal(await page.locator('.card[data-model="mine-2"]').count(), 1);
  const question = page.waitForEvent("dialog");
  const closing = page.close({ runBeforeUnload: true });
  const dialog = await question;
  assert.equal(dialog.type(), "beforeunload", "the browser asks before trained models are lost");
  await dialog.accept();
  await closing;
});

test("training continues while another view is shown", async () => {
  const page = await browser.visit("#/train?length=3000&batch=100");
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.waitForFunction(() => document.querySelector("progress").value > 5);
  await go(page, "#/exercise");
  await page.locator(".answer-line strong").waitFor();
  await go(page, "#/train");
  await page.waitForFunction(() => document.querySelector("progress").value > 100);
  await page.close();
});

test("an address that cannot be decoded, or names no view, opens the page", async () => {
  for (const hash of ["#%", "#/nothing", "#/plane?points=%E0%A4%A"]) {
    const page = await browser.visit(hash);
    await page.locator("main h1").waitFor({ state: "attached" });
    await page.close();
  }
});
