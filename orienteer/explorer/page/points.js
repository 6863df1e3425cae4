// The points: adding, choosing, removing, and their list.
"use strict";

function addPoint(point) {
  if (state.points.length >= state.most_points) {
    setStatus(`No more than ${state.most_points} points; remove one first.`, true);
    return;
  }
  const [low, high] = state.scans.first.bounds_mm;
  if (point.some((value, axis) => value < low[axis] - 1 || value > high[axis] + 1)) {
    setStatus("This place is outside the part of the scan that the model sees.", true);
    return;
  }
  remember();
  state.points.push(point.map((value, axis) => Math.min(high[axis], Math.max(low[axis], value))));
  state.labels.push("");
  choose(state.points.length - 1, true);
}

function removePoint(at) {
  remember();
  state.points.splice(at, 1);
  state.labels.splice(at, 1);
  if (state.chosen >= at) state.chosen -= 1;
  if (state.chosen < 0 && state.points.length) state.chosen = 0;
  choose(state.chosen, true);
}

function removeAll() {
  remember();
  replacePoints([], []);
  byId("mm0").focus();
}

function replacePoints(points, labels, chosen = points.length - 1) {
  state.points = points;
  state.labels = labels;
  choose(Math.min(chosen, points.length - 1), true);
}

function choose(at, changed = false) {
  state.chosen = at;
  if (state.points[at]) state.viewers.first?.lookAt(state.points[at]);
  showPoints();
  keepPoints();
  if (changed) answerGaps();
  answerHeat();
  answerSame();
}

const chooseNext = () => { if (state.points.length) choose((state.chosen + 1) % state.points.length); };

function enter(event) {
  event.preventDefault();
  const inputs = [0, 1, 2].map((axis) => byId(`mm${axis}`));
  const values = inputs.map((input) => Number(input.value.trim().replace(",", ".").replace("−", "-")));
  const [low, high] = state.scans.first.bounds_mm;
  const bad = values.map((value, axis) => !inputs[axis].value.trim() || !(value >= low[axis] && value <= high[axis]));
  inputs.forEach((input, axis) => input.setAttribute("aria-invalid", bad[axis]));
  const axis = bad.indexOf(true);
  if (axis >= 0) {
    setStatus(`${["right", "front", "head"][axis]}: enter a number from ${low[axis].toFixed(1)} to ${high[axis].toFixed(1)} mm.`, true);
    inputs[axis].focus();
    return;
  }
  addPoint(values);
}

function showEntry(point) {
  if (byId("entry").contains(document.activeElement)) return; // do not overwrite what is being typed
  point.forEach((value, axis) => { byId(`mm${axis}`).value = value.toFixed(1); });
}

function showPoints() {
  const focused = document.activeElement?.id;
  byId("points").replaceChildren(...state.points.map((_, at) => pointItem(at)));
  if (focused?.startsWith("choose")) byId(focused)?.focus();
  byId("clear").hidden = state.points.length === 0;
  for (const id of ["save-markups", "save-csv"]) byId(id).disabled = state.points.length === 0;
  showHistory();
}

function pointItem(at) {
  const radio = made("input", { type: "radio", name: "chosen", id: `choose${at}`, checked: at === state.chosen });
  radio.addEventListener("change", () => choose(at));
  const name = state.labels[at] ? `${state.labels[at]}: ` : "";
  const text = made("span", { textContent: `${name}${sides(state.points[at])} mm` }), note = placeNote(at);
  if (note) text.append(made("span", { className: "moved", textContent: note }));
  const remove = made("button", { type: "button", textContent: "Remove" });
  remove.setAttribute("aria-label", `Remove point ${at + 1}`);
  remove.addEventListener("click", () => {
    removePoint(at);
    (byId(`choose${state.chosen}`) ?? byId("mm0")).focus();
  });
  return made("li", {}, made("label", {}, radio, chip(at), text), remove);
}

function chip(at) {
  const element = made("span", { className: "chip", textContent: at + 1 });
  element.style.background = POINT_COLOURS[at % POINT_COLOURS.length];
  return element;
}

function placeNote(at) {
  const place = state.gaps?.places[at];
  if (!place) return "";
  const moved = Math.hypot(...minus(place.centre_mm, place.asked_mm));
  const parts = [];
  if (moved > 2 * Math.max(...state.about.scans.first.spacing_mm)) parts.push(`its view is moved by ${moved.toFixed(0)} mm to stay inside the scan`);
  if (place.body_share < 0.3) parts.push(`its view is ${(100 * (1 - place.body_share)).toFixed(0)} % air`);
  return parts.join("; ");
}
