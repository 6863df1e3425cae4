// node run.mjs explore_start.mjs ADDRESS: what the page shows before run and scans are open, and when that failed.
export default async function ({ page, args }) {
  const [opening, failing] = args, out = {};
  await page.goto(opening, { waitUntil: "load" });
  out.first = await page.evaluate(() => ({ ms: performance.now(), label: document.getElementById("progress-label").textContent }));
  await page.waitForFunction(() => document.getElementById("progress-label").textContent.includes("reading a.nii"));
  out.stage = await page.locator("#progress-label").innerText();
  out.busy = await page.locator("#progress").isVisible();
  await page.waitForFunction(() => document.body.dataset.ready);
  out.model_at_ready = await page.evaluate(() => Boolean(document.body.dataset.open));
  out.crosshair = await page.locator("#first-crosshair").innerText();
  for (const share of [0.4, 0.6]) { // added before there is a model to answer
    await page.evaluate((at) => { const [a, b] = state.scans.first.bounds_mm; addPoint(a.map((value, axis) => value + at * (b[axis] - value))); }, share);
  }
  out.early = await page.evaluate(() => ({ points: state.points.length, gaps: state.gaps, status: document.getElementById("status").textContent }));
  await page.waitForFunction(() => document.body.dataset.open && document.body.dataset.features);
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1);
  await page.waitForFunction(() => document.getElementById("status").textContent === "Gaps between 2 points.");
  out.hidden = await page.locator("#ready").isHidden();
  out.about = await page.locator("#about").innerText();
  await page.goto(failing, { waitUntil: "load" });
  await page.locator("#notes .wrong").waitFor();
  out.failure = await page.locator("#notes").innerText();
  return out;
}
