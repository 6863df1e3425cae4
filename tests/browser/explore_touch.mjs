// node run.mjs explore_touch.mjs ADDRESS FOLDER: the explorer's page on a phone by touch alone, and by keyboard alone.
import { settle } from "./settle.mjs";

const inSlice = (page, share) => page.evaluate((at) => {
  const viewer = state.viewers.first, ratio = viewer.canvas.width / viewer.canvas.clientWidth, box = viewer.canvas.getBoundingClientRect();
  const [left, top, width, height] = viewer.nv.screenSlices.find((slice) => slice.axCorSag === 1).leftTopWidthHeight;
  return [box.left + (left + width * at) / ratio, box.top + (top + height * at) / ratio];
}, share);

async function byTouch(page, out) {
  await page.locator("#first").scrollIntoViewIfNeeded();
  await settle(page);
  for (const [count, share] of [[1, 0.45], [2, 0.6]]) {
    const at = await inSlice(page, share);
    const place = await page.evaluate(([x, y]) => state.viewers.first.placeAt({ clientX: x, clientY: y }), at);
    await page.touchscreen.tap(...at);
    await page.waitForFunction((wanted) => state.points.length === wanted, count);
    await settle(page);
    out.missed_mm = Math.max(out.missed_mm ?? 0, ...(await page.evaluate(([point, number]) => minus(state.points[number], point).map(Math.abs), [place, count - 1])));
  }
  const beside = await page.evaluate(() => {
    const viewer = state.viewers.first, box = viewer.canvas.getBoundingClientRect();
    for (let y = 4; y < box.height; y += 5) for (let x = 4; x < box.width; x += 5) {
      const event = { clientX: box.left + x, clientY: box.top + y };
      if (!viewer.placeAt(event)) return [event.clientX, event.clientY];
    }
    return null;
  });
  await page.touchscreen.tap(...beside);
  await settle(page);
  out.after_tap_beside = await page.evaluate(() => state.points.length);
  const window = await page.evaluate(() => [state.viewers.first.volume.cal_min, state.viewers.first.volume.cal_max]);
  const at = await inSlice(page, 0.5);
  await page.touchscreen.tap(...at);
  await page.touchscreen.tap(...at); // a double tap does not reset the window
  await settle(page);
  out.window_kept = JSON.stringify(await page.evaluate(() => [state.viewers.first.volume.cal_min, state.viewers.first.volume.cal_max])) === JSON.stringify(window);
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length >= 1);
}

// From the top of the page by Tab to the scan; points by Enter; everything else has native controls.
async function byKeyboard(page, out) {
  const reach = async (id) => {
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((name) => document.activeElement?.id === name, id)) return true;
    }
    return false;
  };
  await page.evaluate(() => { document.activeElement?.blur(); window.scrollTo(0, 0); });
  out.reached = { layout: await reach("layout"), scan: await reach("first") };
  await page.keyboard.press("Enter");
  await page.keyboard.press("Shift+ArrowUp");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1);
  await page.keyboard.press("n");
  out.next = await page.evaluate(() => state.chosen);
  await page.keyboard.press("Delete");
  out.deleted = await page.evaluate(() => state.points.length);
  out.reached.panel = { add: await reach("mm0"), undo: await reach("undo"), load: await reach("load"), overlay: await reach("overlay-similar"), opacity: await reach("opacity") };
  await page.keyboard.press("ArrowRight");
  out.opacity = await page.locator("#opacity").inputValue();
  out.not_trapped = await page.evaluate(() => document.activeElement?.id === "opacity");
}

export default async function ({ page, context, args, check }) {
  const [address, folder] = args, out = {};
  page.setDefaultTimeout(180_000);
  const phone = await context.browser().newContext({ viewport: { width: 412, height: 915 }, hasTouch: true, isMobile: true, deviceScaleFactor: 1 });
  const small = await phone.newPage();
  small.setDefaultTimeout(180_000);
  await small.goto(address, { waitUntil: "load" });
  await small.waitForFunction(() => document.body.dataset.ready && document.body.dataset.features);
  await settle(small);
  await small.locator("#show-3d").uncheck(); // without a graphics card, most of the time goes there
  await byTouch(small, out);
  // The thinnest line, in pixels of the slice drawn smallest; then on a wider page, where lines are drawn anew.
  const thinnest = () => small.evaluate(() => Math.min(...state.viewers.first.nv.meshes.filter((mesh) => mesh.edges.length).map((mesh) => 2 * mesh.edgeScale / pixelMm(state.viewers.first))));
  out.line_px = [await thinnest()];
  await small.setViewportSize({ width: 915, height: 412 });
  await settle(small);
  out.line_px.push(await thinnest());
  await small.setViewportSize({ width: 412, height: 915 });
  await settle(small);
  out.wide = await small.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  out.findings = await check(small);
  await small.screenshot({ path: `${folder}/phone.png`, fullPage: true });
  await phone.close();
  await page.goto(address, { waitUntil: "load" });
  await page.waitForFunction(() => document.body.dataset.ready && document.body.dataset.features);
  await settle(page);
  await byKeyboard(page, out);
  return out;
}
