// node run.mjs site.mjs FOLDER ADDRESS...: what a reader sees of pages of the documentation. Pictures go to FOLDER.
const DESK = { width: 1280, height: 900 }, PHONE = { width: 412, height: 915 };
const SERIOUS = ["serious", "critical"];

// How many colours a picture of the page has, counted in a canvas of the page itself.
const colours = (page, png) => page.evaluate(async (data) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height), pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  return new Set(new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer)).size;
}, png.toString("base64"));

const looks = (page) => page.evaluate(() => {
  const wide = [...document.querySelectorAll(".md-typeset__scrollwrap")].filter((wrap) => wrap.scrollWidth > wrap.clientWidth);
  return {
    broken_pictures: [...document.images].filter((image) => image.complete && !image.naturalWidth).map((image) => image.src),
    header_px: document.querySelector(".md-header").getBoundingClientRect().height,
    code_colours: new Set([...document.querySelectorAll("pre code *")].map((part) => getComputedStyle(part).color)).size,
    tables: { wide: wide.length, focusable: wide.filter((wrap) => wrap.tabIndex === 0 && wrap.getAttribute("aria-label")).length },
  };
});

export default async function ({ page, args, check }) {
  const [folder, ...addresses] = args, out = [];
  for (const [number, address] of addresses.entries()) {
    await page.setViewportSize(DESK);
    await page.goto(address, { waitUntil: "load" });
    await page.waitForTimeout(300); // the theme wraps tables after the page is loaded
    const png = await page.screenshot({ path: `${folder}/page-${number}.png` });
    const found = { address, ...(await looks(page)), colours: await colours(page, png) };
    const findings = (await check(page)).filter((finding) => SERIOUS.includes(finding.impact));
    await page.setViewportSize(PHONE);
    await page.waitForTimeout(100);
    const phone_wider_by = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    out.push({ ...found, phone_wider_by, findings: findings.map(({ id, nodes }) => [id, nodes]) });
  }
  return out;
}
