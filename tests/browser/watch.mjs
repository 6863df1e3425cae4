// node run.mjs watch.mjs ADDRESS FOLDER STEERING: goes through the page that watches a run, while the run goes on.
//
// STEERING is the address of a server of the test: a request to /NAME lets the run do what NAME is. Pictures go to FOLDER.
const text = (page, selector) => page.locator(selector).innerText();
const doing = (page, word) => page.waitForFunction((want) => document.body.dataset.doing === want, word);
const at = (page, step) => page.waitForFunction((want) => document.body.dataset.step === String(want), step);

const shown = (page) => page.evaluate(() => ({
  step: document.getElementById("when-step").textContent,
  gaps: document.querySelector("#gaps svg.chart").getAttribute("aria-label"),
  coronal: document.querySelector("#coronal svg.chart").getAttribute("aria-label"),
  places: [...document.querySelectorAll("#coronal svg.chart text.number")].length,
  similarity: document.querySelector("#similarity svg.chart").getAttribute("aria-label"),
  metrics: Object.fromEntries([...document.querySelectorAll("#metrics figure")].map((figure) => [figure.id, figure.querySelector("svg.chart").getAttribute("aria-label")])),
  marks: document.querySelectorAll("#metrics figure:first-child svg.chart circle").length,
  pictures: [...document.querySelectorAll("#pictures img")].map((image) => image.alt),
}));

// What is wider than a phone and not inside a region that scrolls by itself.
const wider = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

// Tab from the start of the page to its end: what has the focus on the way, and whether the focus can be seen.
async function tabs(page) {
  const reached = [];
  await page.locator("h1").click(); // from here on
  for (let step = 0; step < 30; step++) {
    await page.keyboard.press("Tab");
    const now = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      return { name: element.id || element.tagName.toLowerCase(), seen: getComputedStyle(element).outlineStyle !== "none" };
    });
    if (!now || reached.some(({ name }) => name === now.name && now.name !== "summary")) break;
    reached.push(now);
  }
  return reached;
}

export default async function ({ page, context, args, check }) {
  const [address, folder, steering] = args;
  const steer = async (name) => { await (await fetch(`${steering}/${name}`)).text(); };
  const out = {};
  await page.goto(address, { waitUntil: "load" });
  await doing(page, "waiting");
  out.waiting = await text(page, "#status");
  out.empty = { findings: await check(page), curves: await page.locator("#course").isVisible() };

  await steer("first");
  await doing(page, "training");
  await at(page, 3);
  out.first = await shown(page);

  // The run goes on, and the page follows without being loaded again; a second reader sees the same.
  await page.evaluate(() => { window.same = true; });
  await steer("second");
  await at(page, 6);
  out.second = await shown(page);
  const other = await context.newPage();
  await other.goto(address);
  await at(other, 6);
  out.other = await shown(other);
  await other.close();

  // Back to the first validation by keyboard; the page stays there although it polls.
  await page.locator("#when").focus();
  await page.keyboard.press("ArrowLeft");
  await at(page, 3);
  await page.waitForTimeout(2500);
  out.back = { ...(await shown(page)), follow: await page.locator("#follow").isChecked(), value: await page.locator("#when").getAttribute("aria-valuetext") };
  await page.locator("#follow").check();
  await at(page, 6);
  await page.locator("#play").click();
  await at(page, 3);
  await at(page, 6);
  await page.waitForFunction(() => document.getElementById("play").textContent === "Play all");
  await page.locator("#task").selectOption({ label: "route" });
  out.route = await shown(page);
  await page.locator("#numbers summary").click();
  out.table = await page.evaluate(() => [...document.querySelectorAll("#numbers tr")].map((row) => [...row.children].map((cell) => cell.textContent)));
  out.findings = await check(page);
  out.tabs = await tabs(page);
  out.pictures = await page.evaluate(() => Promise.all([...document.querySelectorAll("#pictures img")].map(async (image) => {
    image.loading = "eager";
    await image.decode();
    return image.naturalWidth;
  })));
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: `${folder}/watch.png` });
  await page.locator("#theme").click();
  out.light = await check(page);
  await page.screenshot({ path: `${folder}/watch_light.png` });
  await page.setViewportSize({ width: 412, height: 915 });
  await page.waitForTimeout(400);
  out.phone = { wider: await wider(page), findings: await check(page) };
  await page.screenshot({ path: `${folder}/watch_phone.png`, fullPage: true });
  await page.setViewportSize({ width: 1280, height: 900 });

  // Killed, then finished, then the server ends: the last state stays.
  await steer("kill");
  await doing(page, "stopped");
  out.stopped = await text(page, "#status");
  await steer("end");
  await doing(page, "finished");
  out.finished = await text(page, "#status");
  out.same = await page.evaluate(() => window.same === true);
  await page.goto(address.replace(/token=.*/, "token=wrong"));
  out.refused = await text(page, "body");
  await page.goto(address);
  await at(page, 6);
  await steer("stop");
  await page.locator("#notes .wrong").waitFor();
  out.gone = { note: await text(page, "#notes"), ...(await shown(page)) };
  return out;
}
