// Keys: those of a scan in focus, and Ctrl-Z and Ctrl-Y everywhere outside of text fields.
"use strict";

// Radiological convention: the right of the body is on the left of the picture.
const MOVES = { ArrowLeft: [1, 0, 0], ArrowRight: [-1, 0, 0], ArrowUp: [0, 0, 1], ArrowDown: [0, 0, -1], PageUp: [0, 1, 0], PageDown: [0, -1, 0] };
const LAYOUT_KEYS = { 0: "grid", 1: "axial", 2: "coronal", 3: "sagittal", 4: "3d" };

function scanKey(viewer, event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.key === "Tab") return;
  const move = MOVES[event.key], layout = LAYOUT_KEYS[event.key];
  if (move) {
    const far = event.shiftKey ? 5 : 1;
    viewer.nv.moveCrosshairInVox(...move.map((step) => step * far));
    viewer.moved();
  } else if (layout) setLayout(layout);
  else if (viewer.which === "first") pointKey(viewer, event.key);
  if (move || layout || ["Enter", "Delete", "Backspace"].includes(event.key)) event.preventDefault();
  if (event.key !== "Shift") event.stopPropagation();
}

function pointKey(viewer, key) {
  if (key === "Enter") addPoint(viewer.crosshair());
  else if ((key === "Delete" || key === "Backspace") && state.points[state.chosen]) removePoint(state.chosen);
  else if (key.toLowerCase() === "n") chooseNext();
}

function pageKey(event) {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  if (document.activeElement?.matches("input:not([type=radio], [type=checkbox], [type=range], [type=file])")) return; // the field's own undo
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) undo();
  else if (key === "y" || (key === "z" && event.shiftKey)) redo();
  else return;
  event.preventDefault();
}
