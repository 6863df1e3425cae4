// The overlay on the slices: places by how similar they are to a point, or features in three colours.
"use strict";

// Codes of orienteer/explorer/heat.py.
const AIR = 0, HIGHEST = 249, CONTOUR_5 = 250, CONTOUR_1 = 251;
const RAMP = ["#0072B2", "#0072B2", "#56B4E9", "#F0E442", "#E69F00", "#D55E00"].map(rgb);
const CONTOUR_COLOURS = { [CONTOUR_5]: [...rgb("#F0E442"), 230], [CONTOUR_1]: [255, 255, 255, 255] };
const RGBA32 = 2304; // NIfTI's code of four bytes per voxel

const overlayMode = () => document.querySelector("input[name=overlay]:checked").value;

// Four bytes for each code. The half of the body that is less similar fades out, so that the scan stays visible.
function rankColours(opacity) {
  const table = new Uint8Array(256 * 4);
  for (let code = 1; code <= HIGHEST; code++) {
    const share = (code - 1) / (HIGHEST - 1), at = share * (RAMP.length - 1), low = Math.min(Math.floor(at), RAMP.length - 2);
    RAMP[low].forEach((value, channel) => { table[4 * code + channel] = value + (at - low) * (RAMP[low + 1][channel] - value); });
    table[4 * code + 3] = 255 * opacity * Math.min(1, 0.4 + 0.6 * Math.max(0, 2 * share - 1));
  }
  for (const [code, colour] of Object.entries(CONTOUR_COLOURS)) table.set(opacity > 0 ? colour : [0, 0, 0, 0], 4 * code);
  return new Uint32Array(table.buffer);
}

function paintRanks(cells, target, opacity) {
  const table = rankColours(opacity), words = new Uint32Array(target.buffer, target.byteOffset, cells.length);
  for (let at = 0; at < cells.length; at++) words[at] = table[cells[at]];
}

function paintColours(cells, target, opacity) {
  target.set(cells);
  for (let at = 3; at < target.length; at += 4) target[at] *= opacity;
}

// A NIfTI file of four bytes per voxel, empty, on a grid of the server.
function emptyVolume({ shape, cell_mm: cell, origin_mm: origin }) {
  const buffer = new ArrayBuffer(352 + 4 * shape[0] * shape[1] * shape[2]), head = new DataView(buffer);
  head.setInt32(0, 348, true);
  [3, ...shape, 1, 1, 1, 1].forEach((value, at) => head.setInt16(40 + 2 * at, value, true));
  head.setInt16(70, RGBA32, true);
  head.setInt16(72, 32, true);
  [1, ...cell].forEach((value, at) => head.setFloat32(76 + 4 * at, value, true));
  [352, 1, 0].forEach((value, at) => head.setFloat32(108 + 4 * at, value, true));
  head.setUint8(123, 2); // lengths in mm
  head.setInt16(254, 2, true); // sform: aligned with a body
  for (const axis of [0, 1, 2]) {
    head.setFloat32(280 + 16 * axis + 4 * axis, cell[axis], true);
    head.setFloat32(280 + 16 * axis + 12, origin[axis], true);
  }
  new Uint8Array(buffer, 344, 4).set([..."n+1\0"].map((letter) => letter.charCodeAt(0)));
  return buffer;
}

// Draws the overlay that is chosen on one viewer. The volume is made once, on the grid of the scan, and filled anew.
async function showOverlay(viewer) {
  const mode = overlayMode(), opacity = Number(byId("opacity").value);
  const volume = mode === "similar" ? state.heat[viewer.which] : mode === "features" ? state.colours[viewer.which] : undefined;
  if (volume && !viewer.overlay) {
    const name = "overlay.nii";
    viewer.overlay = viewer.nv.addVolumeFromUrl({ url: name, name, buffer: emptyVolume(volume.answer.grid), opacity: 1 });
  }
  if (!viewer.overlay) return;
  const layer = await viewer.overlay;
  if (!volume) layer.img.fill(0);
  else if (mode === "similar") paintRanks(volume.cells, layer.img, opacity);
  else paintColours(volume.cells, layer.img, opacity);
  viewer.nv.refreshLayers(layer, 1); // only the overlay is uploaded again
  viewer.nv.drawScene();
  viewer.showLocation();
}

const showOverlays = () => Promise.all(Object.values(state.viewers).map(showOverlay));

// The share of the body that is more similar to the point than a place, or null in air.
function rankAt(which, point) {
  const heat = state.heat[which];
  if (!heat) return null;
  const { shape, cell_mm: cell, origin_mm: origin } = heat.answer.grid;
  const at = point.map((value, axis) => Math.round((value - origin[axis]) / cell[axis]));
  if (at.some((value, axis) => value < 0 || value >= shape[axis])) return null;
  const code = heat.cells[at[0] + shape[0] * (at[1] + shape[1] * at[2])];
  if (code === AIR) return null;
  return code === CONTOUR_5 ? 0.05 : code === CONTOUR_1 ? 0.01 : 1 - (code - 1) / (HIGHEST - 1);
}

async function askColours() {
  await Promise.all(Object.keys(state.scans).map(async (which) => {
    if (state.colours[which] || !state.ready[which] || !state.ready.first) return;
    const volume = await latest(`colours-${which}`, () => askVolume(`api/colours?which=${which}`));
    if (volume) state.colours[which] = volume;
  }));
}

async function chooseOverlay() {
  if (overlayMode() === "features") await askColours();
  await showOverlays();
  showOverlayText();
}
