// node run.mjs explore.mjs ADDRESS FOLDER: goes through the explorer's page and returns what it shows.
//
// Scans are opened with sides as in test_browser.py. Pictures of the page go to FOLDER.
const text = (page, id) => page.locator(`#${id}`).innerText();

const shown = (page) => page.evaluate(() => ({
  points: state.points,
  rows: [...document.querySelectorAll("#rows tr")].map((row) => {
    const [truth, guess, off] = [...row.querySelectorAll("td")].map((cell) => JSON.parse(cell.dataset.value));
    return { truth, guess, off };
  }),
  end_mm: Number(document.getElementById("route").dataset.end),
  closure_mm: document.getElementById("route").dataset.closure,
}));

async function press(page, tile, across, up) {
  const at = await page.evaluate(([number, x, y]) => {
    const canvas = document.getElementById("first");
    const [left, top, width, height] = state.viewers.first.nv.screenSlices[number].leftTopWidthHeight;
    const ratio = canvas.width / canvas.clientWidth;
    return [(left + width * x) / ratio, (top + height * y) / ratio];
  }, [tile, across, up]);
  const box = await page.locator("#first").boundingBox();
  await page.mouse.click(box.x + at[0], box.y + at[1]);
}

export default async function ({ page, context, args, check }) {
  const [address, folder] = args;
  const out = {};
  await page.goto(address, { waitUntil: "load" });
  await page.waitForFunction(() => document.body.dataset.ready);
  out.up_ms = await page.evaluate(() => Number(document.body.dataset.ready));
  await page.locator("#ready").waitFor({ state: "hidden" });
  await page.waitForFunction(() => document.body.dataset.features);
  out.webgl = await page.evaluate(() => Object.keys(state.viewers));
  out.findings = await check(page);

  // Two clicks on slices, a third point by numbers.
  await press(page, 1, 0.55, 0.4);
  await page.waitForFunction(() => state.points.length === 1 && state.heat.first);
  out.after_one = await text(page, "status");
  out.rank_at_point = await page.evaluate(() => rankAt("first", state.points[0]));
  await press(page, 1, 0.45, 0.65);
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1);
  const middle = await page.evaluate(() => [0, 1, 2].map((axis) => {
    const [low, high] = state.scans.first.bounds_mm;
    return (low[axis] + high[axis]) / 2;
  }));
  for (const axis of [0, 1, 2]) await page.locator(`#mm${axis}`).fill(middle[axis].toFixed(1));
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 3 && state.same && state.chosen === 2);
  out.gap = await shown(page);
  await page.locator("input[name=task][value=route]").check();
  out.route = await shown(page);
  out.route_words = await text(page, "route");
  out.heat = await page.evaluate(() => Object.fromEntries(Object.entries(state.heat).map(([which, { answer, cells }]) =>
    [which, { grid: answer.grid, distinct: answer.distinct, codes: [...cells] }])));
  out.same = await page.evaluate(() => ({ ...document.getElementById("same-text").dataset }));
  out.same_words = `${await text(page, "same-expect")} ${await text(page, "same-text")}`;
  out.verdict = await page.locator("#similarity-verdict").innerText();
  out.ms = await page.evaluate(() => Object.fromEntries(["gaps", "similarity", "same"].map((id) => [id, Number(document.getElementById(id).dataset.ms)])));
  // What is drawn: nodes and edges of the route, read back from NiiVue, and where NiiVue holds the scan to be.
  out.drawn = await page.evaluate(() => state.viewers.first.nv.meshes.map((mesh) => ({
    name: mesh.name, opacity: mesh.opacity, nodes: mesh.nodes.map(({ x, y, z }) => [x, y, z]), edges: mesh.edges.map(({ first, second }) => [first, second]) })));
  out.second_drawn = await page.evaluate(() => state.viewers.second.nv.meshes.map((mesh) => ({ name: mesh.name, nodes: mesh.nodes.map(({ x, y, z }) => [x, y, z]) })));
  out.affine = await page.evaluate(() => state.viewers.first.nv.volumes[0].hdr.affine);
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${folder}/explore.png` });
  const canvas = await page.locator("#first").screenshot();
  out.canvas_bytes = canvas.length; // a black canvas compresses to almost nothing

  // The overlay's opacity changes what is drawn.
  await page.locator("#opacity").fill("0");
  await page.waitForTimeout(300);
  out.clear_differs = Buffer.compare(canvas, await page.locator("#first").screenshot()) !== 0;

  // Keys: right of the body is to the left, and Enter adds.
  await page.locator("#first").focus();
  const before = await page.evaluate(() => state.viewers.first.crosshair());
  for (const key of ["ArrowLeft", "Shift+ArrowUp", "PageDown", "Enter"]) await page.keyboard.press(key);
  await page.waitForFunction(() => state.points.length === 4);
  out.keys = await page.evaluate((from) => state.points[3].map((value, axis) => value - from[axis]), before);
  await page.waitForFunction(() => document.querySelectorAll("#rows tr").length === 6);

  // Invalid numbers give a message and change nothing.
  await page.locator("#mm1").fill("far away");
  await page.keyboard.press("Enter");
  out.wrong = [await text(page, "status"), await page.locator("#mm1").getAttribute("aria-invalid"), (await shown(page)).points.length];

  // Another tab has its own points; removing them here leaves it alone.
  const other = await context.newPage();
  await other.goto(address);
  await other.waitForFunction(() => document.body.dataset.ready);
  out.other_points = await other.evaluate(() => state.points.length);
  await other.close();
  for (let left = 4; left > 0; left--) await page.getByRole("button", { name: `Remove point ${left}` }).click();
  out.emptied = await page.evaluate(() => ({ points: state.points.length, gaps: document.getElementById("gaps").hidden,
    similarity: document.getElementById("similarity").hidden || document.getElementById("overlays").hidden, same: document.getElementById("same").hidden }));

  // Without WebGL2 the page says so and still answers.
  const blind = await context.newPage();
  await blind.addInitScript(() => { HTMLCanvasElement.prototype.getContext = () => null; });
  await blind.goto(address);
  await blind.waitForFunction(() => document.body.dataset.ready);
  out.blind = await blind.locator("#notes").innerText();
  for (const share of [0.4, 0.6]) {
    const point = await blind.evaluate((at) => { const [a, b] = state.scans.first.bounds_mm; return a.map((v, i) => v + at * (b[i] - v)); }, share);
    for (const axis of [0, 1, 2]) await blind.locator(`#mm${axis}`).fill(point[axis].toFixed(1));
    await blind.getByRole("button", { name: "Add", exact: true }).click();
  }
  await blind.waitForFunction(() => document.querySelectorAll("#rows tr").length === 1);
  await blind.close();

  // A wrong token is refused; at a phone's width nothing is cut off.
  await page.goto(address.replace(/token=.*/, "token=wrong"));
  out.refused = await page.locator("body").innerText();
  await page.setViewportSize({ width: 412, height: 915 });
  await page.goto(address);
  await page.waitForFunction(() => document.body.dataset.ready);
  out.too_wide = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  await page.screenshot({ path: `${folder}/phone.png`, fullPage: true });
  return out;
}
