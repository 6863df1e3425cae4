// node run.mjs axe.mjs FILE-OR-URL [SCREENSHOT.png]: what the accessibility checker axe finds on a page.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

export default async function ({ page, args, check }) {
  const [what, picture] = args;
  await page.goto(/^https?:/.test(what) ? what : pathToFileURL(resolve(what)).href, { waitUntil: "load" });
  if (picture) await page.screenshot({ path: picture, fullPage: true });
  return await check(page);
}
