// The window of values that become black to white: presets, numbers, and the threshold of the 3D view.
"use strict";

// Width and level in HU, as radiology departments commonly set them.
const CT_WINDOWS = {
  "soft tissue": [400, 40], lung: [1500, -600], bone: [1800, 400], brain: [80, 40], liver: [150, 30], mediastinum: [350, 50],
};
const BONE_HU = 180; // above most contrast in vessels, below cortical bone

function offerWindows() {
  const ct = Object.values(state.scans).every((scan) => scan.modality === "CT");
  const names = [...(ct ? Object.keys(CT_WINDOWS) : []), "automatic", "whole range"];
  byId("window").append(...names.map((name) => made("option", { value: name, textContent: name })), made("option", { value: "custom", textContent: "custom" }));
  byId("window").value = ct ? "soft tissue" : "automatic";
  if (!ct) byId("surface").querySelector("[value=bone]").disabled = true;
  byId("window").addEventListener("change", () => eachViewer((viewer) => setWindow(viewer, ...presetWindow(viewer, byId("window").value))));
  for (const id of ["window-width", "window-level"]) byId(id).addEventListener("change", enterWindow);
  byId("surface").addEventListener("change", () => eachViewer(applySurface));
}

const eachViewer = (work) => Object.values(state.viewers).forEach(work);

function presetWindow(viewer, name) {
  const { volume } = viewer;
  if (name === "whole range") return [volume.global_min, volume.global_max];
  if (name === "automatic" || !CT_WINDOWS[name]) return viewer.firstWindow;
  const [width, level] = CT_WINDOWS[name];
  return [level - width / 2, level + width / 2];
}

function enterWindow() {
  const [width, level] = ["window-width", "window-level"].map((id) => Number(byId(id).value.trim().replace(",", ".").replace("−", "-")));
  if (!(width > 0) || !Number.isFinite(level)) {
    setStatus("window: enter a width above 0 and a level, as numbers.", true);
    return;
  }
  eachViewer((viewer) => setWindow(viewer, level - width / 2, level + width / 2));
}

function setWindow(viewer, low, high) {
  viewer.volume.cal_min = low;
  viewer.volume.cal_max = high;
  applySurface(viewer);
}

// In 3D, values below the threshold are transparent. Slices show all values.
function applySurface(viewer) {
  const { volume, nv } = viewer, bone = byId("surface").value === "bone";
  const share = (BONE_HU - volume.cal_min) / (volume.cal_max - volume.cal_min), at = Math.round(255 * Math.min(0.98, Math.max(0.01, share)));
  const grey = { R: [0, at, at + 1, 255], G: [0, at, at + 1, 255], B: [0, at, at + 1, 255], A: [0, 0, 110, 255], I: [0, at, at + 1, 255] };
  if (bone) nv.addColormap("grey-bone", grey);
  volume._colormap = bone ? "grey-bone" : "gray";
  nv.refreshLayers(volume, 0);
  nv.drawScene();
}

// After each drawing: dragging with the right button changes the window too.
function showWindow(viewer) {
  if (!viewer.volume) return;
  const { cal_min: low, cal_max: high } = viewer.volume, words = `window ${(high - low).toFixed(0)}, level ${plain((high + low) / 2)}${unit(viewer)}`;
  const output = byId(`${viewer.which}-window`);
  if (output.textContent === words) return;
  output.textContent = words;
  if (viewer.which !== "first") return;
  for (const [id, value] of [["window-width", high - low], ["window-level", (high + low) / 2]]) {
    if (document.activeElement !== byId(id)) byId(id).value = plain(value);
  }
  const preset = [...byId("window").options].map((option) => option.value).find((name) => {
    const range = name === "custom" ? null : presetWindow(viewer, name);
    return range && Math.abs(range[0] - low) < 0.5 && Math.abs(range[1] - high) < 0.5;
  });
  byId("window").value = preset ?? "custom";
}
