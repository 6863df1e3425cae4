// node run.mjs explore_tools.mjs ADDRESS FOLDER: what a person who knows viewers does on the explorer's page.
//
// Two scans are open. Saved files and pictures go to FOLDER.
import { readFileSync } from "node:fs";
import { settle } from "./settle.mjs";

const crosshair = (page, which) => page.evaluate((name) => state.viewers[name].crosshair(), which);

// Places on the page: in a slice (shares of the tile), beside all slices, and in 3D.
const inSlice = (page, axis, across, down) => page.evaluate(([number, x, y]) => {
  const viewer = state.viewers.first, ratio = viewer.canvas.width / viewer.canvas.clientWidth, box = viewer.canvas.getBoundingClientRect();
  const [left, top, width, height] = viewer.nv.screenSlices.find((slice) => slice.axCorSag === number).leftTopWidthHeight;
  return { x: box.left + (left + width * x) / ratio, y: box.top + (top + height * y) / ratio };
}, [axis, across, down]);

const beside = (page, in3d) => page.evaluate((render) => {
  const viewer = state.viewers.first, box = viewer.canvas.getBoundingClientRect();
  for (let y = 4; y < box.height; y += 6) for (let x = 4; x < box.width; x += 6) {
    const event = { clientX: box.left + x, clientY: box.top + y };
    if (!viewer.placeAt(event) && viewer.overRender(event) === render) return { x: event.clientX, y: event.clientY };
  }
  return null;
}, in3d);

const click = async (page, place, options) => page.mouse.click(place.x, place.y, options);
const points = (page) => page.evaluate(() => state.points);
const range = (page, which = "first") => page.evaluate((name) => [state.viewers[name].volume.cal_min, state.viewers[name].volume.cal_max], which);
const picture = async (page) => (await page.locator("#first").screenshot()).toString("base64");

async function saved(page, button, folder) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.locator(button).click()]);
  const path = `${folder}/${file.suggestedFilename()}`;
  await file.saveAs(path);
  return path;
}

async function hits(page, out) {
  await click(page, await beside(page, false));
  await click(page, await beside(page, true));
  await settle(page);
  out.beside = (await points(page)).length;
  await click(page, await inSlice(page, 1, 0.5, 0.5));
  await page.waitForFunction(() => state.points.length === 1);
  await click(page, await beside(page, false));
  await click(page, await beside(page, true));
  await settle(page);
  out.beside_after_one = (await points(page)).length;
  // A drag moves the crosshair and adds nothing.
  const [from, to] = [await inSlice(page, 1, 0.4, 0.4), await inSlice(page, 1, 0.6, 0.6)];
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 5 });
  await page.mouse.up();
  await settle(page);
  out.dragged = (await points(page)).length;
}

async function undoing(page, out) {
  await click(page, await inSlice(page, 1, 0.6, 0.6));
  await page.waitForFunction(() => state.points.length === 2);
  const before = await points(page);
  await page.keyboard.press("Control+z");
  out.undone = (await points(page)).length;
  await page.keyboard.press("Control+y");
  out.redone = JSON.stringify(await points(page)) === JSON.stringify(before);
  await page.locator("#clear").click();
  await page.locator("#undo").click();
  out.undone_clear = JSON.stringify(await points(page)) === JSON.stringify(before);
  await page.locator("#mm0").fill("1");
  await page.keyboard.press("Control+z"); // the field's own
  out.after_undo_in_field = (await points(page)).length;
  await page.reload();
  await page.evaluate(() => { document.getElementById("show-3d").checked = false; }); // before the scans are drawn
  await page.waitForFunction(() => document.body.dataset.ready && state.points.length === 2);
  out.reloaded = JSON.stringify(await points(page)) === JSON.stringify(before);
  await page.waitForFunction(() => document.body.dataset.features && state.heat.first && state.gaps);
}

async function savingAndLoading(page, out, folder) {
  const before = await points(page);
  const [markups, csv] = [await saved(page, "#save-markups", folder), await saved(page, "#save-csv", folder)];
  out.files = { markups: readFileSync(markups, "utf8"), csv: readFileSync(csv, "utf8") };
  const far = (a, b) => Math.max(...a.flat().map((value, at) => Math.abs(value - b.flat()[at])));
  for (const [name, path] of [["markups", markups], ["csv", csv]]) {
    await page.locator("#clear").click();
    await page.locator("#load").setInputFiles(path);
    await page.waitForFunction(() => state.points.length === 2);
    out[`loaded_${name}`] = far(await points(page), before);
  }
  const load = async (name, content) => {
    await page.locator("#load").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(content) });
    const words = await page.waitForFunction((file) => {
      const text = document.getElementById("status").innerText;
      return (text.startsWith(file) || text.endsWith(`${file}.`)) && text;
    }, name);
    return words.jsonValue();
  };
  await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("Gaps between")); // the last answer
  out.refused = [
    await load("notes.json", "{}"), await load("far.csv", "label,right_mm,front_mm,head_mm\na,1e5,0,0\n"),
    await load("cm.mrk.json", JSON.stringify({ markups: [{ coordinateUnits: "cm", controlPoints: [] }] })),
    await load("odd.csv", "x,y\n1,2\n"), await load("none.csv", "label,l,p,s\n"), await load("words.csv", "r,a,s\n1,two,3\n"),
  ];
  out.after_refused = far(await points(page), before);
  const [x, y, z] = before[0];
  out.slicer_table = await load("slicer.csv", `label,l,p,s,defined\r\n"liver, left",${-x},${-y},${z},1\r\n`);
  out.slicer_points = far(await points(page), [before[0]]);
  out.slicer_label = await page.locator("#points li").first().innerText();
  await page.keyboard.press("Control+z");
}

async function windowing(page, out) {
  const outputs = () => page.locator("#first-window").innerText();
  out.windows = {};
  for (const name of ["lung", "bone", "soft tissue"]) {
    await page.locator("#window").selectOption(name);
    await settle(page);
    out.windows[name] = [await range(page), await range(page, "second"), await outputs(), await page.locator("#window-width").inputValue()];
  }
  await page.locator("#window-width").fill("100");
  await page.keyboard.press("Tab");
  await page.locator("#window-level").fill("50");
  await page.keyboard.press("Tab");
  await settle(page);
  out.windows.typed = [await range(page), await page.locator("#window").inputValue()];
  await page.locator("#window-width").fill("-3");
  await page.keyboard.press("Tab");
  out.windows.wrong = [await range(page), await page.locator("#status").innerText()];
  const at = await inSlice(page, 1, 0.5, 0.5);
  await page.mouse.move(at.x, at.y);
  await page.mouse.down({ button: "right" });
  await page.mouse.move(at.x + 40, at.y + 20, { steps: 8 });
  await page.mouse.up({ button: "right" });
  await settle(page);
  out.windows.dragged = [await range(page), await outputs()];
  const now = await range(page);
  await page.mouse.dblclick(at.x, at.y);
  await settle(page);
  out.windows.double_click = JSON.stringify(await range(page)) === JSON.stringify(now);
  await page.locator("#window").selectOption("soft tissue");
}

async function readout(page, out) {
  const at = await inSlice(page, 1, 0.45, 0.55);
  await page.mouse.move(at.x, at.y);
  const place = await page.evaluate(({ x, y }) => state.viewers.first.placeAt({ clientX: x, clientY: y }), at);
  out.under = { place, text: await page.locator("#first-under").innerText(), crosshair: await page.locator("#first-crosshair").innerText() };
  const outside = await beside(page, false);
  await page.mouse.move(outside.x, outside.y);
  out.under.beside = await page.locator("#first-under").innerText();
}

async function layouts(page, out) {
  out.layouts = {};
  await page.locator("#show-3d").check();
  for (const name of ["axial", "coronal", "sagittal", "3d", "all", "grid"]) {
    await page.locator("#layout").selectOption(name);
    await page.waitForFunction(
      (kinds) => ["first", "second"].every((which) => {
        const slices = state.viewers[which].nv.screenSlices;
        return slices.length === kinds.length && slices.every((slice) => kinds.includes(slice.axCorSag));
      }),
      { axial: [0], coronal: [1], sagittal: [2], "3d": [4] }[name] ?? [0, 1, 2, 4],
    );
    await settle(page);
    out.layouts[name] = await page.evaluate(() => ["first", "second"].map((which) => state.viewers[which].nv.screenSlices.map((slice) => slice.axCorSag)));
  }
  await page.locator("#first").focus();
  await page.keyboard.press("1");
  await settle(page);
  out.layout_by_key = await page.locator("#layout").inputValue();
  await page.locator("#show-3d").uncheck();
  const before = (await points(page)).length;
  await click(page, await inSlice(page, 0, 0.5, 0.5));
  await page.waitForFunction((count) => state.points.length === count + 1, before);
  await page.keyboard.press("Control+z");
  await page.locator("#first").focus();
  await page.keyboard.press("0");
  await settle(page);
  const bar = await page.evaluate(() => { const { left, top, width, text } = scaleBar(state.viewers.first); return { left, top, width, text }; });
  out.bar = { ...bar, shown: await page.locator("#first-bar").innerText(), page_width: await page.locator("#first-bar").evaluate((element) => element.getBoundingClientRect().width) };
  out.px_per_mm = await page.evaluate(() => {
    const { nv, canvas } = state.viewers.first, slice = nv.screenSlices.find((each) => each.axCorSag <= 2);
    return (slice.leftTopWidthHeight[2] / slice.fovMM[0]) * (canvas.clientWidth / canvas.width);
  });
  await page.locator("#scale-bar").uncheck();
  await page.locator("#first-bar").waitFor({ state: "hidden" });
  out.bar.off = await page.locator("#first-bar").isHidden();
  await page.locator("#scale-bar").check();
}

async function ruler(page, out) {
  const before = (await points(page)).length;
  await page.locator("#ruler").click();
  await settle(page);
  const [from, to] = [await inSlice(page, 1, 0.3, 0.5), await inSlice(page, 1, 0.7, 0.5)];
  const truth = await page.evaluate(([a, b]) => {
    const [p, q] = [a, b].map(({ x, y }) => state.viewers.first.placeAt({ clientX: x, clientY: y }));
    return Math.hypot(...minus(p, q));
  }, [from, to]);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(to.x, to.y, { steps: 6 });
  await page.mouse.up();
  await click(page, await inSlice(page, 1, 0.5, 0.6));
  await settle(page);
  const measured = () => page.evaluate(() => state.viewers.first.nv.document.completedMeasurements.map((each) => each.distance));
  out.ruler = { truth, measured: await measured(), added: (await points(page)).length - before };
  await page.locator("#clear-ruler").click();
  out.ruler.cleared = (await measured()).length;
  await page.locator("#ruler").click();
}

async function linked(page, out) {
  const move = async () => {
    const before = [await crosshair(page, "first"), await crosshair(page, "second")];
    await page.locator("#first").focus();
    for (const key of ["ArrowUp", "ArrowUp", "PageUp"]) await page.keyboard.press(key);
    await settle(page);
    const after = [await crosshair(page, "first"), await crosshair(page, "second")];
    return after.map((point, at) => point.map((value, axis) => value - before[at][axis]));
  };
  out.linked = await move();
  await page.locator("#link").uncheck();
  out.unlinked = await move();
  await page.locator("#link").check();
  const at = await inSlice(page, 1, 0.5, 0.5);
  const before = [await crosshair(page, "first"), await crosshair(page, "second")];
  await page.mouse.move(at.x, at.y);
  await page.mouse.wheel(0, 100);
  await settle(page);
  const after = [await crosshair(page, "first"), await crosshair(page, "second")];
  out.scrolled = after.map((point, which) => point.map((value, axis) => value - before[which][axis]));
}

async function looks(page, out, folder, check) {
  await page.evaluate(() => choose(0));
  await settle(page);
  const similar = await picture(page);
  await page.locator("#overlay-features").check();
  await page.waitForFunction(() => state.colours.first && state.colours.second);
  await settle(page);
  const features = await picture(page);
  await page.locator("#overlay-none").check();
  await settle(page);
  const none = await picture(page);
  out.overlays_differ = [similar !== features, features !== none, similar !== none];
  out.features_text = await page.evaluate(() => document.getElementById("features-text").textContent);
  await page.locator("#layout").selectOption("3d");
  await settle(page);
  const skin = await picture(page);
  await page.locator("#surface").selectOption("bone");
  await settle(page);
  out.bone_differs = (await picture(page)) !== skin;
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const offered = await page.locator("#theme").innerText();
  await page.locator("#theme").click();
  out.theme = [dark, await page.evaluate(() => getComputedStyle(document.body).backgroundColor)];
  out.theme_words = [offered, await page.locator("#theme").innerText()];
  out.light_findings = await check(page);
  out.bars = await page.evaluate(() => [[1, null], [5, 0.87]].map(([scans, coverage]) => {
    state.about.bars.other = { scans, coverage, rank_gaps: null };
    return barsText("other");
  }));
  await page.reload();
  await page.evaluate(() => { document.getElementById("show-3d").checked = false; });
  await page.waitForFunction(() => document.body.dataset.features && state.viewers.first && state.gaps);
  out.theme.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
  await page.locator("#theme").click();
  out.shot = await saved(page, "#screenshot", folder);
  out.shot_size = await page.evaluate(() => Object.values(state.viewers).map(({ canvas }) => [canvas.width, canvas.height]));
}

export default async function ({ page, args, check }) {
  const [address, folder] = args, out = {};
  page.setDefaultTimeout(180_000);
  await page.setViewportSize({ width: 1000, height: 700 });
  await page.goto(address, { waitUntil: "load" });
  await page.waitForFunction(() => document.body.dataset.ready && document.body.dataset.features);
  await settle(page);
  await hits(page, out);
  await page.locator("#show-3d").uncheck(); // without a graphics card, most of the time goes there
  await undoing(page, out);
  await savingAndLoading(page, out, folder);
  await windowing(page, out);
  await readout(page, out);
  await layouts(page, out);
  await ruler(page, out);
  await linked(page, out);
  await looks(page, out, folder, check);
  return out;
}
