// Accessibility: touch, keyboard, narrow screens and screen readers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { open, settled } from "./browser.mjs";
import { DRAWINGS } from "./digits.mjs";

const VIEWS = ["draw", "train", "plane", "graph", "convolution", "map", "exercise"];
/** Roles of controls, all of which need an accessible name. */
const CONTROLS = new Set([
  "button",
  "checkbox",
  "combobox",
  "link",
  "radio",
  "searchbox",
  "slider",
  "spinbutton",
  "switch",
  "tab",
  "textbox",
]);
/** Roles of content that needs an accessible name. */
const CONTENT = new Set(["image", "img", "table", "region", "progressbar", "meter"]);

let browser;
before(async () => (browser = await open()));
after(async () => {
  await browser.close();
  assert.deepEqual(browser.errors, [], "the page reports no errors");
});

const view = async (page, name) => {
  await page.evaluate((hash) => (location.hash = hash), `#/${name}`);
  await page.locator(`main.view-${name} h1`).waitFor({ state: "attached" });
  if (name === "draw") await settled(page);
};

test("drawing with a finger does not scroll the page", async () => {
  const context = await browser.browser.newContext({
    viewport: { width: 390, height: 700 },
    hasTouch: true,
    isMobile: true,
  });
  const page = await context.newPage();
  await page.goto(`${browser.address}#/draw`);
  await settled(page);
  const box = await page.locator("canvas.pad").boundingBox();
  const protocol = await context.newCDPSession(page);
  const touch = (type, point) =>
    protocol.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: point
        ? [{ x: box.x + (point[0] / 280) * box.width, y: box.y + (point[1] / 280) * box.height }]
        : [],
    });
  const read = [];
  for (const drawing of DRAWINGS.filter((_, i) => i % 6 === 0)) {
    // Not by a tap: two taps in a row are a gesture.
    await page.getByRole("button", { name: "Clear" }).click();
    await page.evaluate(() => scrollTo(0, 0));
    for (const stroke of drawing.strokes) {
      await touch("touchStart", stroke[0]);
      for (const point of stroke.slice(1)) await touch("touchMove", point);
      await touch("touchEnd");
    }
    await settled(page);
    assert.equal(await page.evaluate(() => scrollY), 0, "a stroke does not scroll");
    const found = await page
      .locator('.matrix-of-answers [data-model="convolution"]')
      .getAttribute("data-class");
    read.push(`${drawing.way} ${drawing.digit} as ${found}`);
  }
  const wrong = read.filter((words) => !/ (\d) as \1$/.test(words));
  assert.ok(wrong.length <= 0.1 * read.length, wrong.join(", "));
  await context.close();
});

test("controls and content have names for screen readers", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  await page.getByRole("button", { name: "Draw a 5" }).click();
  await settled(page);
  const protocol = await browser.context.newCDPSession(page);
  await protocol.send("Accessibility.enable");
  for (const name of VIEWS) {
    await view(page, name);
    const { nodes } = await protocol.send("Accessibility.getFullAXTree");
    const shown = nodes.filter((node) => !node.ignored);
    const nameless = shown
      .filter((node) => CONTROLS.has(node.role?.value) || CONTENT.has(node.role?.value))
      .filter((node) => !node.name?.value?.trim())
      .map((node) => node.role.value);
    assert.deepEqual(nameless, [], `${name}: ${nameless.length} without a name`);
    assert.ok(
      shown.some((node) => CONTROLS.has(node.role?.value)),
      `${name} has controls`,
    );
    const headings = shown.filter((node) => node.role?.value === "heading");
    const levels = headings.map((node) => node.properties.find((one) => one.name === "level").value.value);
    assert.equal(
      levels.filter((level) => level === 1).length,
      1,
      `${name} has one heading of the first level`,
    );
    levels.reduce((before, level) => {
      assert.ok(level <= before + 1, `${name}: a heading of level ${level} after one of level ${before}`);
      return level;
    }, 0);
    const landmarks = shown.map((node) => node.role?.value);
    assert.ok(landmarks.includes("main") && landmarks.includes("navigation"), `${name} has its landmarks`);
  }
  await page.close();
});

test("predictions are announced to screen readers", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  await page.getByRole("button", { name: "Draw a 5" }).click();
  await settled(page);
  await page.waitForFunction(() =>
    /predict \d|disagree|not a digit/.test(document.querySelector("#announcement").textContent),
  );
  await page.close();
});

test("every control is reachable by keyboard and shows its focus", async () => {
  const page = await browser.visit("#/draw");
  await settled(page);
  for (const name of VIEWS) {
    await view(page, name);
    await page.evaluate(() => document.activeElement?.blur());
    const reached = new Set();
    const unseen = [];
    for (let i = 0; i < 200; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const one = document.activeElement;
        if (!one || one === document.body) return null;
        one.dataset.reached ??= String(Math.random());
        const style = getComputedStyle(one);
        const seen =
          (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
        return {
          id: one.dataset.reached,
          what: one.getAttribute("aria-label") ?? one.textContent.trim().slice(0, 30),
          seen,
        };
      });
      if (!at || reached.has(at.id)) break;
      reached.add(at.id);
      if (!at.seen) unseen.push(at.what);
    }
    const usable = await page
      .locator("main :is(button, a[href], input, select, textarea, [tabindex='0']):visible:not(:disabled)")
      .evaluateAll((all) =>
        all
          .filter((one) => !one.dataset.reached && one.tabIndex >= 0 && one.type !== "radio")
          .map((one) => one.outerHTML.slice(0, 80)),
      );
    assert.deepEqual(usable, [], `${name}: unreachable`);
    assert.deepEqual(unseen, [], `${name}: invisible focus`);
  }
  await page.close();
});

test("nothing overflows its card on a screen of any width", async () => {
  for (const width of [360, 800, 1280, 1920, 2560]) {
    const context = await browser.browser.newContext({ viewport: { width, height: 900 } });
    const page = await context.newPage();
    await page.goto(`${browser.address}#/draw`);
    await settled(page);
    await page.getByRole("button", { name: "Draw a 5" }).click();
    await settled(page);
    const outside = await page.locator(".card").evaluateAll((cards) =>
      cards.flatMap((card) => {
        const right = card.getBoundingClientRect().right;
        return [...card.querySelectorAll("*")]
          .filter((one) => one.getBoundingClientRect().right > right)
          .map((one) => `${card.dataset.model}: ${one.className || one.tagName}`);
      }),
    );
    assert.deepEqual(outside, [], `${width} pixels`);
    await context.close();
  }
});

test("360 pixels are wide enough, and reduced motion is respected", async () => {
  const context = await browser.browser.newContext({
    viewport: { width: 360, height: 740 },
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  await page.goto(`${browser.address}#/draw`);
  await settled(page);
  for (const name of VIEWS) {
    await view(page, name);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${name} is ${width} pixels wide`);
    const moving = await page.evaluate(() =>
      [...document.querySelectorAll("*")]
        .filter((one) => {
          const style = getComputedStyle(one);
          const long = (times) => times.split(",").some((time) => parseFloat(time) > 0.01);
          return (
            long(style.transitionDuration) ||
            (style.animationName !== "none" && long(style.animationDuration))
          );
        })
        .map((one) => one.className),
    );
    assert.deepEqual(moving, [], `${name} has animations`);
  }
  await context.close();
});
