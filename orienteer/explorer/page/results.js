// Shows answers as text and tables.
"use strict";

function setStatus(text, wrong = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("wrong", wrong);
}

function addNotice(text, wrong = false) {
  byId("notes").append(made("p", { textContent: text, className: wrong ? "wrong" : "" }));
}

function cell(text, { small, value, header } = {}) {
  const element = made(header ? "th" : "td", { textContent: text });
  if (header) element.scope = "row";
  if (small) element.append(made("small", { textContent: small }));
  if (value !== undefined) element.dataset.value = value;
  return element;
}

function showGaps() {
  const { gaps, task } = state;
  byId("gaps").hidden = !gaps;
  if (!gaps) return;
  const rows = [], bars = gaps.bars_mm[task];
  for (let i = 0; i < gaps.places.length; i++) for (let j = i + 1; j < gaps.places.length; j++) {
    const truth = gaps.true_mm[i][j], guess = gaps.predicted_mm[task][i][j];
    const off = Math.hypot(...minus(guess, truth));
    rows.push(made("tr", {},
      cell(`${i + 1} → ${j + 1}`, { header: true }),
      cell(signed(truth), { small: `${Math.hypot(...truth).toFixed(0)} mm`, value: JSON.stringify(truth) }),
      cell(signed(guess), { small: `${Math.hypot(...guess).toFixed(0)}${bars ? ` ± ${bars[i][j].toFixed(0)}` : ""} mm`, value: JSON.stringify(guess) }),
      cell(`${off.toFixed(0)} mm`, { value: off }),
    ));
  }
  byId("rows").replaceChildren(...rows);
  showRoute(gaps.routes[task], gaps.places.length);
  byId("bars").textContent = barsText(task);
}

function showRoute(route, count) {
  const names = [...Array(count).keys()].map((at) => at + 1).join(" → "), radius = route.radii_mm?.at(-1);
  const closure = route.closure_mm === null
    ? "It closes by construction, because this task subtracts positions: there is no closure error."
    : `Closure error: continued back to the start, it ends ${route.closure_mm.toFixed(0)} mm away from it (this needs no truth).`;
  const expect = radius === undefined ? "" : ` (expect ± ${radius.toFixed(0)} mm)`;
  byId("route").textContent = `Route ${names}: the predicted end misses point ${count} by ${route.end_miss_mm.toFixed(0)} mm${expect}. ${closure}`;
  Object.assign(byId("route").dataset, { end: route.end_miss_mm, closure: route.closure_mm });
}

// What the error bars are worth on scans that the model was not trained on.
function barsText(task) {
  const bars = state.about.bars[task];
  if (!bars) return "This run has no error bars for this task.";
  const covered = bars.coverage === null ? ": one scan does not show how many errors on others it contains" : `, where bars along the axes contained ${(100 * bars.coverage).toFixed(0)} % of the errors (90 % wanted)`;
  const rank = bars.rank_gaps === null ? "" : ` Longer bars ${bars.rank_gaps >= 0.2 ? "do" : "hardly"} mean larger errors: rank correlation ${plain(bars.rank_gaps, 2)}.`;
  return `± is the distance within which 9 of 10 gaps end, calibrated on ${bars.scans} held-out scan${bars.scans === 1 ? "" : "s"}${covered}.${rank} The sphere around the predicted stop of the selected point adds up the bars on the way to it; broken rings mean that it is longer than the way itself: unsure.`;
}

const VERDICTS = {
  "one region": "The model tells this place apart: the places most like it lie around it.",
  "several regions": "The model tells this place apart roughly: places of several regions are like it.",
  "few places": "The model tells few places apart here: the places most like it are hardly nearer than any.",
};

const VERDICTS_SECOND = {
  "one region": "In the second scan, the places most like it are one region.",
  "several regions": "In the second scan, places of several regions are like it.",
  "few places": "In the second scan, places all over the body are like it.",
};

function showOverlayText() {
  const mode = overlayMode(), heat = state.heat.first, colours = state.colours.first;
  byId("similarity").hidden = mode !== "similar" || !heat;
  byId("features").hidden = mode !== "features" || !colours;
  for (const place of document.querySelectorAll(".chosen")) place.textContent = state.chosen < 0 ? "…" : state.chosen + 1;
  if (heat) showSimilarity(heat.answer, state.heat.second?.answer);
  if (colours) showColours(colours.answer);
}

function showSimilarity(answer, second) {
  byId("similarity-verdict").textContent = VERDICTS[answer.distinct] + (second ? ` ${VERDICTS_SECOND[second.distinct]}` : "");
  byId("similarity-verdict").dataset.distinct = answer.distinct;
  const what = answer.source === "encoder"
    ? "No task of this run embeds places, so features of the encoder's last level are compared."
    : `Parts of half a view's size are compared by the embedding of the task ${answer.source}.`;
  const spread = `The most similar 5 % of the body lie ${answer.alike_mm.toFixed(0)} mm from the point in the median, all of the body ${answer.all_mm.toFixed(0)} mm.`;
  const follows = answer.nearness === null ? "" : ` Rank correlation of similarity with nearness: ${plain(answer.nearness, 2)} (1: perfect; 0: none).`;
  byId("similarity-text").textContent = `Colours are ranks among all places of the body; the yellow line is around the most similar 5 %, the white one around 1 %. ${spread}${follows} ${what}`;
  byId("similarity-text").dataset.nearness = answer.nearness;
}

function showColours(answer) {
  const shares = answer.shares.map((share) => (100 * share).toFixed(0));
  byId("features-text").textContent = `Red, green and blue are the first three principal components of the features (${answer.source === "encoder" ? "the encoder's last level" : `embedding of the task ${answer.source}`}) over the first scan: ${shares.join(", ")} % of their variance. The same colour means the same features${state.scans.second ? ", in both scans" : ""}.`;
}

function showSame() {
  const { same } = state;
  byId("same").hidden = !same;
  if (!same) return;
  const doubt = same.unsure.length ? ` Unsure: ${same.unsure.join("; ")}.` : "";
  byId("same-expect").textContent = same.expect_mm === null ? `No error bar.${doubt}` : `Expect ± ${same.expect_mm.toFixed(0)} mm.${doubt}`;
  const origin = same.expect_mm === null ? "" : " ± contains 9 of 10 places, as calibrated on pairs of people in abdominal CT and brain MR. Filled sphere: sure; broken rings: unsure.";
  byId("same-text").textContent = `Point ${state.chosen + 1} corresponds to ${sides(same.place_mm)} mm. The way back misses the point by ${same.way_back_miss_mm.toFixed(0)} mm. Agreement of the two scans under the map between them: ${same.agreement.toFixed(2)} of 1.${origin}`;
  Object.assign(byId("same-text").dataset, { place: JSON.stringify(same.place_mm), expect: same.expect_mm, back: same.way_back_miss_mm, unsure: JSON.stringify(same.unsure) });
}
