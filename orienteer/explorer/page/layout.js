// Which views are drawn and how they lie, the scale bar, and the ruler.
"use strict";

const SLICES = { axial: 0, coronal: 1, sagittal: 2, all: 3, grid: 3, "3d": 4 }; // NiiVue's numbers
const GRID = 2, AUTO = 0; // how it arranges several views: two by two, or as fits the canvas best
const MEASURING = 2, CROSSHAIR = 8; // NiiVue's drag modes
const BAR_MM = [200, 100, 50, 20, 10, 5];
const BAR_SHARE = 0.4; // of the width of a slice that the bar takes at most

function applyLayout(viewer) {
  const layout = byId("layout").value, { opts } = viewer.nv;
  opts.sliceType = SLICES[layout];
  opts.multiplanarLayout = layout === "grid" ? GRID : AUTO;
  opts.multiplanarShowRender = byId("show-3d").checked ? 1 : 0;
  viewer.nv.drawScene();
}

function setLayout(name) {
  byId("layout").value = name;
  eachViewer(applyLayout);
}

const measuring = () => byId("ruler").getAttribute("aria-pressed") === "true";

function toggleRuler() {
  const on = !measuring();
  byId("ruler").setAttribute("aria-pressed", on);
  byId("clear-ruler").hidden = !on;
  eachViewer((viewer) => { viewer.nv.opts.dragModePrimary = on ? MEASURING : CROSSHAIR; });
  setStatus(on ? "Ruler: drag in a slice to measure. Press Ruler again to add points." : "");
}

// A click without a drag measures nothing: NiiVue keeps it as a length of 0.
function dropClicks(viewer) {
  const all = viewer.nv.document.completedMeasurements, kept = all.filter((each) => each.distance >= 0.5);
  if (kept.length < all.length) {
    all.splice(0, all.length, ...kept);
    viewer.nv.drawScene();
  }
}

// A bar of a round length at the lower left of the first slice: { left, top, width, text }, in pixels of the page, or null.
function scaleBar(viewer) {
  const slice = viewer.nv.screenSlices.find(({ axCorSag }) => axCorSag <= 2);
  if (!slice) return null;
  const [left, top, width, height] = slice.leftTopWidthHeight, ratio = viewer.canvas.width / viewer.canvas.clientWidth;
  const perMm = width / Math.abs(slice.fovMM[0]) / ratio;
  const length = BAR_MM.find((each) => each * perMm <= (BAR_SHARE * width) / ratio) ?? BAR_MM.at(-1);
  return { left: left / ratio + 8, top: (top + height) / ratio - 14, width: length * perMm, text: length >= 10 ? `${length / 10} cm` : `${length} mm` };
}

function showScaleBar(viewer) {
  const bar = byId("scale-bar").checked ? scaleBar(viewer) : null, element = byId(`${viewer.which}-bar`);
  element.hidden = !bar;
  if (!bar) return;
  Object.assign(element.style, { left: `${bar.left}px`, top: `${bar.top - 14}px`, width: `${bar.width}px` });
  element.textContent = bar.text;
}

function listenLayout() {
  byId("layout").addEventListener("change", () => eachViewer(applyLayout));
  byId("show-3d").addEventListener("input", () => eachViewer(applyLayout));
  byId("scale-bar").addEventListener("input", () => eachViewer((viewer) => viewer.nv.drawScene()));
  byId("ruler").addEventListener("click", toggleRuler);
  byId("clear-ruler").addEventListener("click", () => eachViewer((viewer) => viewer.nv.clearMeasurements()));
  for (const end of ["mouseup", "touchend"]) window.addEventListener(end, () => measuring() && eachViewer(dropClicks));
  window.addEventListener("resize", () => eachViewer(applyLayout));
}
