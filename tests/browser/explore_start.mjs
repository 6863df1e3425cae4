// node run.mjs explore_start.mjs ADDRESS: what the page shows before run and scans are open, and when that failed.
export default async function ({ page, args }) {
  const [opening, failing] = args, out = {};
  await page.goto(opening, { waitUntil: "load" });
  out.first = await page.evaluate(() => ({ ms: performance.now(), label: document.getElementById("progress-label").textContent }));
  await page.waitForFunction(() => document.getElementById("progress-label").textContent.includes("reading a.nii"));
  out.stage = await page.locator("#progress-label").innerText();
  out.busy = await page.locator("#progress").isVisible();
  await page.waitForFunction(() => document.body.dataset.ready && document.body.dataset.features);
  out.hidden = await page.locator("#ready").isHidden();
  out.about = await page.locator("#about").innerText();
  await page.goto(failing, { waitUntil: "load" });
  await page.locator("#notes .wrong").waitFor();
  out.failure = await page.locator("#notes").innerText();
  return out;
}
