// Runs one script in a headless Chromium: node run.mjs SCRIPT [ARGUMENT...]
//
// SCRIPT is a module whose default export is `async ({ page, context, args, check }) => value`. What it returns is
// printed as one line of JSON, `{"value": ..., "console": [...], "requests": [...]}`. An exception ends with code 1.
// `check(page)` runs axe and returns its findings as [{ id, impact, help, nodes }].
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const [script, ...args] = process.argv.slice(2);
const installed = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = process.env.CHROMIUM ?? installed.find(existsSync);
if (!script || !executablePath) {
  console.error(script ? "no Chromium: set CHROMIUM to its path" : "usage: node run.mjs SCRIPT [ARGUMENT...]");
  process.exit(2);
}

// SwiftShader draws WebGL2 on the processor; a container has no sandbox of its own to give.
const drawing = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"];
const browser = await chromium.launch({ executablePath, args: [...drawing, "--no-sandbox", "--disable-dev-shm-usage"] });
let code = 0;
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const log = [];
  const requests = [];
  context.on("request", (request) => requests.push(request.url()));
  context.on("console", (message) => log.push(`${message.type()}: ${message.text()}`));
  context.on("weberror", (error) => log.push(`exception: ${error.error()}`));
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const work = (await import(pathToFileURL(resolve(script)).href)).default;
  const value = await work({ page, context, args, check });
  console.log(JSON.stringify({ value: value ?? null, console: log, requests }));
} catch (error) {
  console.error(error.stack ?? String(error));
  code = 1;
} finally {
  await browser.close();
}
process.exit(code);

async function check(page) {
  const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
  await page.evaluate(readFileSync(axe, "utf8")); // not a script tag: the page may forbid those
  const found = await page.evaluate(() => window.axe.run({ resultTypes: ["violations"] }));
  return found.violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.map((n) => n.target.join(" ")) }));
}
