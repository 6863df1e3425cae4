// node run.mjs inline.mjs FILE PICTURE: what a notebook of this machine shows of the page that FILE frames.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

export default async function ({ page, args }) {
  const [file, picture] = args;
  const server = createServer((_, response) => { response.setHeader("Content-Type", "text/html"); response.end(readFileSync(file)); });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const out = {};
  await page.goto(`http://localhost:${server.address().port}/`);
  const frame = page.frameLocator("iframe");
  await frame.locator("body[data-open]").waitFor({ state: "attached" });
  out.head = await frame.locator("h1").innerText();
  const middle = await page.frames()[1].evaluate(() => state.scans.first.bounds_mm[0].map((low, axis) => (low + state.scans.first.bounds_mm[1][axis]) / 2));
  for (const axis of [0, 1, 2]) await frame.locator(`#mm${axis}`).fill(middle[axis].toFixed(1));
  await frame.getByRole("button", { name: "Add", exact: true }).click();
  out.points = await page.frames()[1].evaluate(() => state.points.length);
  await page.screenshot({ path: picture });
  await page.route("http://hospital.example/", (route) => route.fulfill({ contentType: "text/html", body: readFileSync(file, "utf8") }));
  await page.goto("http://hospital.example/");
  await page.waitForTimeout(1500);
  out.foreign = await page.frames()[1].evaluate(() => document.body?.innerText ?? "").catch(() => "");
  out.foreign = out.foreign.includes("orienteer") ? out.foreign : "";
  server.close();
  return out;
}
