// The panels of the page: curves with their baselines, and what one validation predicted.
"use strict";

const HELDOUT = { stroke: "var(--predicted)" }, TRAINED = { stroke: "var(--dim)", "stroke-width": 1, opacity: 0.8 };
const DASHES = ["6 4", "2 3", "8 3 2 3", "1 4"];
const TRUE_MARK = { fill: "var(--true)", stroke: "#000" }, PREDICTED_MARK = { fill: "var(--predicted)", stroke: "#000" };
const ERROR_LINE = { stroke: "var(--missed)" }, GREY = { stroke: "var(--edge)" };
const baselineLine = (number) => ({ stroke: "var(--edge)", "stroke-dasharray": DASHES[number % DASHES.length] });
const number = (value) => (value === null || value === undefined ? "–" : plain(value, Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2));
const lastOf = ({ values }) => values[values.length - 1] ?? null;

function showLoss(figure, { train, heldout }, steps) {
  const marks = [line(train.steps, train.values, TRAINED), line(heldout.steps, heldout.values, HELDOUT),
    dots(heldout.steps, heldout.values, PREDICTED_MARK)];
  captioned(figure, "Loss", number(lastOf(heldout) ?? lastOf(train)), [["training", { style: TRAINED }], ["held-out scans", { style: HELDOUT }]]);
  drawChart(figure, { label: `Loss: ${number(lastOf(train))} in training, ${number(lastOf(heldout))} on held-out scans`,
    x: { title: "step", range: [0, steps] }, y: { title: "", range: rangeOf([...train.values, ...heldout.values]) }, marks });
}

function showMetric(figure, { name, train, heldout, baselines }, steps) {
  const levels = Object.entries(baselines), values = [...train.values, ...heldout.values, ...Object.values(baselines)];
  const from = known(values).every((value) => value >= 0) ? 0 : null;
  const marks = [...levels.map(([, value], at) => level(value, baselineLine(at))), line(train.steps, train.values, TRAINED),
    line(heldout.steps, heldout.values, HELDOUT), dots(heldout.steps, heldout.values, PREDICTED_MARK)];
  const legend = levels.map(([baseline, value], at) => [`${baseline} ${number(value)}`, { style: baselineLine(at) }]);
  captioned(figure, name, number(lastOf(heldout)), legend);
  const words = levels.map(([baseline, value]) => `, baseline ${baseline} ${number(value)}`).join("");
  drawChart(figure, { label: `${name}: ${number(lastOf(heldout))}${words}`, height: 150,
    x: { title: "step", range: [0, steps] }, y: { title: "", range: rangeOf(values, { from }) }, marks });
}

function showNumbers(details, metrics, step) {
  const columns = [...new Set(metrics.flatMap(({ baselines }) => Object.keys(baselines)))];
  const head = (textContent, scope) => made("th", { textContent, scope });
  const row = ([name, ...cells]) => made("tr", {}, head(name, "row"), ...cells.map((textContent) => made("td", { textContent })));
  details.querySelector("caption").textContent = `Held-out scans at step ${step}.`;
  details.querySelector("thead").replaceChildren(made("tr", {}, ...["metric", "model", ...columns].map((name) => head(name, "col"))));
  details.querySelector("tbody").replaceChildren(...metrics.map(({ name, heldout, baselines }) =>
    row([name, number(lastOf(heldout)), ...columns.map((column) => (column in baselines ? number(baselines[column]) : ""))])));
}

// Where a task puts the views of a scan: at the mean of the true centres, plus the mean gap to each view from all.
function placesOf({ centres_mm, gaps_mm }, task) {
  const gaps = gaps_mm[task], mean = [0, 1, 2].map((axis) => centres_mm.reduce((sum, centre) => sum + centre[axis], 0) / centres_mm.length);
  return centres_mm.map((_, view) => mean.map((value, axis) => value + gaps.reduce((sum, row) => sum + row[view][axis], 0) / gaps.length));
}

const pairsOf = (scan, task) => scan.centres_mm.flatMap((from, i) => scan.centres_mm.slice(i + 1).map((to, offset) => ({
  truth: to.map((value, axis) => value - from[axis]), guess: scan.gaps_mm[task][i][i + 1 + offset] })));

const AXES = [["left-right", "circle"], ["back-front", "square"], ["foot-head", "triangle"]];

function showGaps(figure, scans, chosen, task) {
  const all = scans.map((scan) => pairsOf(scan, task)), pairs = all[chosen];
  const numbers = all.flat().flatMap(({ truth, guess }) => [...truth, ...guess]);
  const range = rangeOf([0, ...numbers]);
  const at = (which, axis, style) => dots(which.map(({ truth }) => truth[axis]), which.map(({ guess }) => guess[axis]), style, AXES[axis][1], 4);
  const others = { ...PREDICTED_MARK, opacity: 0.3, stroke: "none" };
  const marks = [segment([range[0], range[0]], [range[1], range[1]], { stroke: "var(--true)" }), level(0, baselineLine(0)),
    ...[0, 1, 2].flatMap((axis) => all.filter((_, number) => number !== chosen).map((which) => at(which, axis, others))),
    ...[0, 1, 2].map((axis) => at(pairs, axis, PREDICTED_MARK))];
  const error = meanLength(pairs.map(({ truth, guess }) => truth.map((value, axis) => guess[axis] - value)));
  const zero = meanLength(pairs.map(({ truth }) => truth));
  captioned(figure, "Gaps between views, mean error", `${number(error)} mm`, [["predicted = true", { style: { stroke: "var(--true)" } }],
    [`every gap zero: ${number(zero)} mm`, { style: baselineLine(0) }], ...AXES.map(([name, shape]) => [name, { style: PREDICTED_MARK, shape }])]);
  drawChart(figure, { label: `Predicted against true gaps of ${pairs.length} pairs of views: mean error ${number(error)} mm; with every gap zero ${number(zero)} mm`,
    height: 260, x: { title: "true gap, mm", range }, y: { title: "predicted gap, mm", range }, marks });
}

const meanLength = (vectors) => vectors.reduce((sum, vector) => sum + Math.hypot(...vector), 0) / Math.max(1, vectors.length);

// Both planes as a radiologist sees them: the right of the body, or its front, is on the left.
const PLANES = { coronal: { across: 0, title: "right — left, mm" }, sagittal: { across: 1, title: "front — back, mm" } };

function showPlaces(figure, scan, task, viewMm) {
  const { across, title } = PLANES[figure.id], flat = (place) => [place[across], place[2]];
  const truth = scan.centres_mm.map(flat), guess = placesOf(scan, task).map(flat), size = flat(viewMm);
  const ends = (axis) => [...truth.flatMap((place) => [place[axis] - size[axis] / 2, place[axis] + size[axis] / 2]), ...guess.map((place) => place[axis])];
  const marks = [...truth.map((place) => box(place, size, { stroke: "var(--true)", opacity: 0.35 })),
    ...truth.map((place, view) => segment(place, guess[view], ERROR_LINE)),
    dots(truth.map(([x]) => x), truth.map(([, y]) => y), TRUE_MARK, "circle", 5), dots(guess.map(([x]) => x), guess.map(([, y]) => y), PREDICTED_MARK, "square", 4.5),
    ...truth.map((place, view) => words(place, String(view + 1)))];
  const error = meanLength(placesOf(scan, task).map((place, view) => place.map((value, axis) => value - scan.centres_mm[view][axis])));
  captioned(figure, `Places of the views, ${figure.id}`, `${number(error)} mm`, [["true, numbered", { style: TRUE_MARK, shape: "circle" }],
    ["predicted", { style: PREDICTED_MARK, shape: "square" }], ["error", { style: ERROR_LINE }]]);
  drawChart(figure, { label: `Places of ${truth.length} views in the ${figure.id} plane: predicted ones miss by ${number(error)} mm on average, in space`, height: 260, square: true,
    x: { title, range: rangeOf(ends(0)), flipped: true }, y: { title: "foot — head, mm", range: rangeOf(ends(1)) }, marks });
}

function showSimilarity(figure, curves) {
  const curve = ({ mm, low, median, high }, colour) => [band(mm, low, high, { fill: colour, opacity: 0.25 }), line(mm, median, { stroke: colour }), dots(mm, median, { fill: colour })];
  const { model, raw } = curves, rank = (value) => `rank correlation ${plain(value, 2)}`;
  captioned(figure, "Similarity by distance", "", [[`model, ${rank(model.rank)}`, { style: HELDOUT }], [`raw intensities, ${rank(raw.rank)}`, { style: GREY }]]);
  drawChart(figure, { label: `Cosine of two places by their distance, median and quartiles: ${rank(model.rank)} of the model, ${plain(raw.rank, 2)} of raw intensities`,
    height: 260, x: { title: "distance of two places, mm", range: rangeOf([...model.mm, ...raw.mm], { from: 0 }) }, y: { title: "cosine", range: [-1.05, 1.05] },
    marks: [...curve(raw, "var(--edge)"), ...curve(model, "var(--predicted)")] });
}

// Drawing is left out at some validations of short runs: the newest pictures until then are shown.
function showPictures(details, { step, names }) {
  details.hidden = names.length === 0;
  details.querySelector("summary span").textContent = `Pictures at step ${step}`;
  if (!details.open || details.dataset.shown === `${step} ${names}`) return;
  details.dataset.shown = `${step} ${names}`;
  details.querySelector("div").replaceChildren(...names.map((name, at) => made("figure", {},
    made("figcaption", { textContent: name.replaceAll("_", " ") }),
    made("img", { loading: "lazy", alt: `Targets and predictions of ${name.replaceAll("_", " ")} at step ${step}`,
      src: `api/picture/${step}/${at}?token=${encodeURIComponent(TOKEN)}` }))));
}
