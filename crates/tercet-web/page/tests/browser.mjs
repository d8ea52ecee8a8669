// Chromium, and a static server for the built page with the content security policy of `tercet serve`.

import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
/** The built page; another folder can be named in PAGE. */
const PAGE = process.env.PAGE ?? join(ROOT, "crates/tercet-cli/page");
const DATA = join(ROOT, "crates/tercet-mnist/files");
export const MODELS = join(ROOT, "crates/tercet-web/models");

/** Not the root, because every address in the page must be relative. */
const BASE = "/somewhere/deeper/";
const RULES =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; " +
  "img-src 'self' data: blob:";
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

async function serve() {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, "http://here").pathname;
    const name = normalize(path.startsWith(BASE) ? path.slice(BASE.length) || "index.html" : "none");
    const file = name.startsWith("data/") ? join(DATA, name.slice(5)) : join(PAGE, name);
    try {
      if (name.startsWith("..") || !(await stat(file)).isFile()) throw new Error("there is no such file");
      response.writeHead(200, {
        "Content-Type": TYPES[extname(file)] ?? "application/octet-stream",
        "Content-Security-Policy": RULES,
      });
      createReadStream(file).pipe(response);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, address: `http://127.0.0.1:${server.address().port}${BASE}` };
}

/** A browser with an empty profile; `errors` collects the errors and warnings of its pages. */
export async function open(viewport = { width: 1280, height: 900 }) {
  const executablePath = process.env.CHROMIUM;
  if (!executablePath) throw new Error("name the browser in CHROMIUM, or run `cargo xtask test --only page`");
  const { server, address } = await serve();
  const browser = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const context = await browser.newContext({ viewport, acceptDownloads: true });
  context.setDefaultTimeout(300_000);
  const errors = [];
  context.on("page", (page) => {
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()))
        errors.push(`${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => errors.push(String(error)));
  });
  const visit = async (hash = "") => {
    const page = await context.newPage();
    await page.goto(address + hash);
    return page;
  };
  const close = async () => {
    await browser.close();
    server.close();
  };
  return { browser, context, visit, close, errors, address, folder: PAGE };
}

/** Runs the program and parses its output as JSON. */
export async function tercet(...args) {
  if (!process.env.TERCET)
    throw new Error("name the program in TERCET, or run `cargo xtask test --only page`");
  const { stdout } = await promisify(execFile)(process.env.TERCET, args, { maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

/** Goes to an address within the page. */
export async function go(page, hash) {
  await page.evaluate((to) => (location.hash = to), hash);
  await page.locator(`main.view-${/\w+/.exec(hash)[0]} h1`).waitFor({ state: "attached" });
}

/** Waits until a training run of the Train view has ended. */
export const finished = (page) =>
  page.waitForFunction(
    () => document.querySelector("main.view-train .view")?.dataset.done === "true",
    undefined,
    { timeout: 300_000 },
  );

/** Waits until the Draw view has classified the drawing. */
export const settled = (page) =>
  page.waitForFunction(() => {
    const view = document.querySelector("main.view-draw .view");
    return view?.dataset.ready === "true" && view.dataset.busy === "false";
  });

/** Draws with the mouse. */
export async function draw(page, { strokes, pen = 20 }) {
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByLabel("Pen width").fill(String(pen));
  const pad = page.locator("canvas.pad");
  // Whatever was pressed before may have scrolled the pad out of the window.
  await pad.scrollIntoViewIfNeeded();
  const box = await pad.boundingBox();
  const at = ([x, y]) => [box.x + (x / 280) * box.width, box.y + (y / 280) * box.height];
  for (const stroke of strokes) {
    await page.mouse.move(...at(stroke[0]));
    await page.mouse.down();
    for (const point of stroke.slice(1)) await page.mouse.move(...at(point), { steps: 2 });
    await page.mouse.up();
  }
  await settled(page);
}

/** Presses a download button and returns the path of the file. */
export async function saved(page, name) {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name, exact: true }).click();
  return (await download).path();
}
