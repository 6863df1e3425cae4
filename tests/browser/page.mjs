// node run.mjs page.mjs FILE [FOLDER]: goes through a page that is one file, as a person with a mouse, a phone or a keyboard.
//
// Returns what axe finds (folded and unfolded), how far the page is wider than a phone, what the keyboard reaches and opens, and
// how many pages it prints. With FOLDER, pictures of it go there.
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const PHONE = { width: 412, height: 915 };
const DESK = { width: 1280, height: 900 };

const unfold = (page, open) => page.evaluate((open) => {
  for (const part of document.querySelectorAll("details")) {
    part.dataset.was ??= part.open;
    part.open = open ?? part.dataset.was === "true";
  }
}, open);

// What is wider than the page and not inside a region that scrolls by itself.
const wider = (page) => page.evaluate(() => ({
  by: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  elements: [...document.body.querySelectorAll("*")]
    .filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .filter((element) => !element.parentElement.closest(".scroll"))
    .map((element) => `${element.tagName}.${element.className}`).slice(0, 5),
}));

// Tab from the start of the page to its end: what has the focus on the way, and whether the focus can be seen.
async function tabs(page) {
  const want = await page.evaluate(() => [...document.querySelectorAll("a[href], summary, [tabindex='0']")]
    .filter((element) => element.checkVisibility()).length);
  const reached = new Set();
  let hidden = 0;
  for (let step = 0; step < want + 5; step++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      element.dataset.at ??= String(document.querySelectorAll("[data-at]").length);
      return { at: element.dataset.at, seen: getComputedStyle(element).outlineStyle !== "none" };
    });
    if (at) reached.add(at.at);
    if (at && !at.seen) hidden += 1;
  }
  return { want, reached: reached.size, hidden };
}

export default async function ({ page, args, check }) {
  const [file, folder] = args;
  const shot = (name) => folder && page.screenshot({ path: join(folder, name), fullPage: true });
  await page.setViewportSize(DESK);
  await page.goto(pathToFileURL(resolve(file)).href, { waitUntil: "load" });
  const out = { folded: await check(page), keyboard: await tabs(page) };
  await shot("folded.png");

  const first = page.locator("details:not([open]) > summary").first();
  if (await first.count()) {
    const part = page.locator("details").nth(await page.evaluate(() => [...document.querySelectorAll("details")].findIndex((d) => !d.open)));
    await first.focus();
    await page.keyboard.press("Enter");
    out.opened = await part.evaluate((element) => element.open);
    await page.keyboard.press("Enter");
    out.closed = await part.evaluate((element) => !element.open);
  }
  const links = await page.locator("nav a").all();
  out.targets = [];
  for (const link of links) {
    await link.focus();
    await page.keyboard.press("Enter");
    out.targets.push(await page.evaluate(() => document.querySelector(location.hash)?.checkVisibility() ?? false));
    await page.evaluate(() => window.scrollTo(0, 0));
  }
  await page.goto(pathToFileURL(resolve(file)).href, { waitUntil: "load" });

  const pdf = await page.pdf({ format: "A4", path: folder ? join(folder, "print.pdf") : undefined });
  out.printed = (pdf.toString("latin1").match(/\/Type\s*\/Page[^s]/g) ?? []).length;

  await unfold(page, true);
  out.unfolded = await check(page);
  await shot("unfolded.png");
  await page.setViewportSize(PHONE);
  out.phone_unfolded = await wider(page);
  await unfold(page);
  out.phone_folded = await wider(page);
  await shot("phone.png");
  return out;
}
