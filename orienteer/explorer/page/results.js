// Shows points and answers as text and tables.
"use strict";

function setStatus(text, wrong = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("wrong", wrong);
}

function addNotice(text, wrong = false) {
  const line = document.createElement("p");
  line.textContent = text;
  line.classList.toggle("wrong", wrong);
  byId("notes").append(line);
}

function showEntry(point) {
  if (byId("entry").contains(document.activeElement)) return; // do not overwrite what is being typed
  point.forEach((value, axis) => { byId(`mm${axis}`).value = value.toFixed(1); });
}

function showPoints() {
  const list = byId("points");
  const focused = document.activeElement?.id;
  list.replaceChildren(...state.points.map((point, at) => {
    const item = document.createElement("li");
    const label = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "chosen", id: `choose${at}`, checked: at === state.chosen });
    radio.addEventListener("change", () => choose(at));
    const text = document.createElement("span");
    text.textContent = `${mm(point)} mm`;
    const note = placeNote(at);
    if (note) text.append(Object.assign(document.createElement("span"), { className: "moved", textContent: note }));
    label.append(radio, chip(at), text);
    const remove = Object.assign(document.createElement("button"), { type: "button", textContent: "Remove" });
    remove.setAttribute("aria-label", `Remove point ${at + 1}`);
    remove.addEventListener("click", () => removePoint(at));
    item.append(label, remove);
    return item;
  }));
  if (focused?.startsWith("choose")) byId(focused)?.focus();
  byId("clear").hidden = state.points.length === 0;
}

function chip(at) {
  const made = Object.assign(document.createElement("span"), { className: "chip", textContent: at + 1 });
  made.style.background = POINT_COLOURS[at % POINT_COLOURS.length];
  return made;
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

function cell(text, { small, value, header } = {}) {
  const made = document.createElement(header ? "th" : "td");
  if (header) made.scope = "row";
  made.textContent = text;
  if (small) made.append(Object.assign(document.createElement("small"), { textContent: small }));
  if (value !== undefined) made.dataset.value = value;
  return made;
}

function showGaps() {
  const { gaps, task } = state;
  byId("gaps").hidden = !gaps;
  if (!gaps) return;
  const rows = [], bars = gaps.bars_mm[task];
  for (let i = 0; i < gaps.places.length; i++) for (let j = i + 1; j < gaps.places.length; j++) {
    const truth = gaps.true_mm[i][j], guess = gaps.predicted_mm[task][i][j];
    const off = Math.hypot(...minus(guess, truth));
    const row = document.createElement("tr");
    row.append(
      cell(`${i + 1} → ${j + 1}`, { header: true }),
      cell(signed(truth), { small: `${Math.hypot(...truth).toFixed(0)} mm`, value: JSON.stringify(truth) }),
      cell(signed(guess), { small: `${Math.hypot(...guess).toFixed(0)}${bars ? ` ± ${bars[i][j].toFixed(0)}` : ""} mm`, value: JSON.stringify(guess) }),
      cell(`${off.toFixed(1)} mm`, { value: off }),
    );
    rows.push(row);
  }
  byId("rows").replaceChildren(...rows);
  const route = gaps.routes[task];
  const names = gaps.places.map((_, at) => at + 1).join(" → ");
  const closure = route.closure_mm === null
    ? "It closes by construction, because this task subtracts positions: there is no closure error."
    : `Closure error: continued back to the start, it ends ${route.closure_mm.toFixed(1)} mm away from it (this needs no truth).`;
  byId("route").textContent = `Route ${names}: the predicted end misses point ${gaps.places.length} by ${route.end_miss_mm.toFixed(1)} mm. ${closure}`;
  byId("route").dataset.end = route.end_miss_mm;
  byId("route").dataset.closure = route.closure_mm;
}

function showSimilarity() {
  const heat = state.heat.first;
  byId("similarity").hidden = !heat;
  for (const place of document.querySelectorAll(".chosen")) place.textContent = state.chosen + 1;
  if (!heat) return;
  const what = heat.answer.source === "encoder"
    ? "No task of this run embeds places, so features of the encoder's last level are compared."
    : `Parts of half a view's size are compared by the embedding of the task ${heat.answer.source}.`;
  const follows = heat.answer.nearness === null ? "" : ` The rank correlation of similarity with nearness in this scan is ${heat.answer.nearness.toFixed(2)} (1: perfect; 0: none).`;
  byId("similarity-text").textContent = what + follows;
  byId("similarity-text").dataset.nearness = heat.answer.nearness;
}

function showSame() {
  const { same } = state;
  byId("same").hidden = !same;
  if (!same) return;
  const text = byId("same-text");
  const out = same.outside ? " The prediction is outside this scan: the place is probably not in it." : "";
  const expect = same.expect_mm === null
    ? ""
    : `, expected within ± ${same.expect_mm.toFixed(0)} mm (90 %, calibrated on gaps within held-out scans)`;
  text.textContent = `Point ${state.chosen + 1} corresponds to ${mm(same.place_mm)} mm${expect}.${out} The way back misses the point by ${same.way_back_miss_mm.toFixed(1)} mm. Spread of the estimates: ${same.spread_mm.toFixed(0)} mm; similarity of the two places: ${same.cosine.toFixed(2)}. Source: ${same.source}.`;
  Object.assign(text.dataset, { place: JSON.stringify(same.place_mm), expect: same.expect_mm, back: same.way_back_miss_mm });
}
