// Bundles the page: `node build.mjs FOLDER` writes page.js, worker.js, offline.js, page.css and index.html.
// `cargo xtask web` calls this; it puts the WebAssembly and its bindings into pkg/ first.

import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const out = process.argv[2];
if (!out) {
  console.error("usage: node build.mjs FOLDER");
  process.exit(2);
}
await mkdir(out, { recursive: true });
await build({
  entryPoints: { page: "src/main.ts", worker: "src/worker.ts", offline: "src/offline.ts" },
  outdir: out,
  bundle: true,
  format: "esm",
  target: ["chrome123", "firefox125", "safari17.5"],
  minify: true,
  legalComments: "none",
  logLevel: "warning",
});
for (const name of ["index.html", "manifest.webmanifest", "icon.svg"])
  await copyFile(join("src", name), join(out, name));
await copyFile("pkg/tercet_web_bg.wasm", join(out, "tercet.wasm"));
