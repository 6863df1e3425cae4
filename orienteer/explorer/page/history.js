// Undo and redo, and points that survive a reload of the page in its tab.
"use strict";

const past = [], future = []; // what the points were: { points, labels, chosen }
const MOST_STEPS = 100;

const snapshot = () => ({ points: state.points.map((point) => point.slice()), labels: state.labels.slice(), chosen: state.chosen });

// Called before the points change.
function remember() {
  past.push(snapshot());
  if (past.length > MOST_STEPS) past.shift();
  future.length = 0;
}

function step(from, to, word) {
  const before = from.pop();
  if (!before) return;
  to.push(snapshot());
  replacePoints(before.points, before.labels, before.chosen);
  setStatus(`${word}: ${before.points.length} point${before.points.length === 1 ? "" : "s"}.`);
}

const undo = () => step(past, future, "Undone");
const redo = () => step(future, past, "Repeated");

function showHistory() {
  byId("undo").disabled = past.length === 0;
  byId("redo").disabled = future.length === 0;
}

const storageName = () => `points of ${state.scans.first.name}`;

function keepPoints() {
  try { sessionStorage.setItem(storageName(), JSON.stringify(snapshot())); } catch { /* no storage: a reload forgets */ }
}

// Points of this scan that were there before a reload, if they still are points.
function restorePoints() {
  let kept;
  try { kept = JSON.parse(sessionStorage.getItem(storageName())); } catch { return; }
  const [low, high] = state.scans.first.bounds_mm;
  const inside = (point) => Array.isArray(point) && point.length === 3 && point.every((value, axis) => value >= low[axis] && value <= high[axis]);
  if (!kept?.points?.length || !kept.points.every(inside) || kept.points.length > state.most_points) return;
  replacePoints(kept.points, kept.points.map((_, at) => String(kept.labels?.[at] ?? "")), kept.chosen);
}
