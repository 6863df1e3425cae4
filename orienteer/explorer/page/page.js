// The explorer's page: draws with NiiVue, asks the server, shows what it answers. Positions are mm in the body frame.
"use strict";

const TOKEN = new URLSearchParams(location.search).get("token") ?? "";
// The colours of orienteer/draw/palette.py.
const TRUE = "#56B4E9", PREDICTED = "#E69F00", MISSED = "#D55E00";
const POINT_COLOURS = ["#009E73", "#CC79A7", "#F0E442", "#3D9BE0", "#FFFFFF", "#A6A6A6"]; // none of those above; they repeat
const NOTHING = -2; // cells that show air
const CLICK_PX = 4; // a press that moves further is a drag

const byId = (id) => document.getElementById(id);
const state = {
  about: null,
  points: [], // [[right, front, head], ...]
  chosen: -1, // the point whose likeness is shown
  task: null,
  gaps: null,
  heat: {}, // which -> { answer, values }
  same: null,
  viewers: {}, // which -> Viewer
  ready: { first: false, second: false },
  asked: { gaps: 0, "heat-first": 0, "heat-second": 0, same: 0 }, // the number of the latest question: answers to older ones are dropped
};

// ---------------------------------------------------------------- asking

async function ask(path, question) {
  const options = { headers: { "X-Token": TOKEN } };
  if (question !== undefined) {
    Object.assign(options, { method: "POST", body: JSON.stringify(question) });
    options.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The explorer does not answer. It may have been ended; start it again in the terminal.");
  }
  if (!response.ok) {
    const text = await response.text();
    let message = text;
    try { message = JSON.parse(text).message ?? text; } catch { /* not JSON: shown as it is */ }
    throw new Error(message);
  }
  return response;
}

const askJson = async (path, question) => (await ask(path, question)).json();

function say(text, wrong = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("wrong", wrong);
}

function note(text, wrong = false) {
  const line = document.createElement("p");
  line.textContent = text;
  line.classList.toggle("wrong", wrong);
  byId("notes").append(line);
}

// ---------------------------------------------------------------- drawing

const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

// Lines keep their colour whatever the light, so that it can be found in the legend.
const PLAIN = `#version 300 es
#line 1
precision highp int;
precision highp float;
uniform float opacity;
in vec4 vClr;
in vec3 vN;
out vec4 color;
void main(void) { color = vec4(vClr.rgb, opacity); }`;

function constantMap(colour) {
  const [r, g, b] = rgb(colour);
  return { R: [r, r], G: [g, g], B: [b, b], A: [255, 255], I: [0, 255] };
}

function heatMap() {
  const stops = ["#0072B2", "#0072B2", "#56B4E9", "#FFFFFF", "#E69F00", "#D55E00"].map(rgb);
  const column = (at) => stops.map((stop) => stop[at]);
  // Entry 0 is transparent: everything below -1, that is, air.
  return { R: column(0), G: column(1), B: column(2), A: [0, 255, 200, 70, 200, 255], I: [0, 1, 64, 128, 192, 255] };
}

// One scan on one canvas.
class Viewer {
  constructor(which) {
    this.which = which;
    this.canvas = byId(which);
    this.heat = null;
    this.nv = new niivue.Niivue({
      backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.6], crosshairWidth: 1.5, crosshairWidthUnit: "mm",
      dragAndDropEnabled: false, isRadiologicalConvention: true, isColorbar: false, meshThicknessOn2D: Infinity, meshXRay: 0.7,
      renderOverlayBlend: 0, isOrientCube: true, showLegend: false, textHeight: 0.05, logLevel: "silent", loadingText: "",
    });
    this.nv.onLocationChange = () => this.located();
    // One answer changes several things, and each asks to be drawn: once a frame is enough.
    const draw = this.nv.drawScene.bind(this.nv);
    let waiting = false;
    this.nv.drawScene = () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        draw();
      });
    };
  }

  async open(buffer, name) {
    await this.nv.attachToCanvas(this.canvas);
    this.shader = this.nv.setCustomMeshShader(PLAIN, "Plain");
    for (const [at, colour] of POINT_COLOURS.entries()) this.nv.addColormap(`point${at}`, constantMap(colour));
    for (const [key, colour] of Object.entries({ true: TRUE, predicted: PREDICTED, missed: MISSED })) {
      this.nv.addColormap(key, constantMap(colour));
    }
    this.nv.addColormap("heat", heatMap());
    await this.nv.addVolumeFromUrl({ url: name, name, buffer, colormap: "gray", opacity: 1 });
    this.nv.opts.sliceType = this.nv.sliceTypeMultiplanar;
    this.nv.opts.multiplanarLayout = state.about.scans.second ? 0 : 2; // by itself in a row, or two by two
    this.nv.scene.renderAzimuth = 160;
    this.nv.scene.renderElevation = 10;
    this.show3d();
    this.listen();
    this.located();
  }

  show3d() {
    this.nv.opts.multiplanarShowRender = byId("show-3d").checked ? 1 : 0;
    this.nv.drawScene();
  }

  listen() {
    let from = null;
    this.canvas.addEventListener("mousedown", (event) => { if (event.button === 0) from = [event.offsetX, event.offsetY]; });
    this.canvas.addEventListener("mouseup", (event) => {
      if (!from || event.button !== 0) return;
      const still = Math.hypot(event.offsetX - from[0], event.offsetY - from[1]) <= CLICK_PX;
      from = null;
      if (!still || this.which !== "first" || !this.overSlice(event)) return;
      setTimeout(() => addPoint(this.crosshair()), 0); // once NiiVue has moved the crosshair
    });
    // Before NiiVue's own keys, which are letters that nobody would guess.
    this.canvas.parentElement.addEventListener("keydown", (event) => this.key(event), true);
  }

  overSlice(event) {
    const ratio = this.canvas.width / this.canvas.clientWidth;
    return this.nv.inRenderTile(event.offsetX * ratio, event.offsetY * ratio) < 0;
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.key === "Tab") return;
    // The right of the body is on the left of the picture, as radiologists look at it.
    const moves = { ArrowLeft: [1, 0, 0], ArrowRight: [-1, 0, 0], ArrowUp: [0, 0, 1], ArrowDown: [0, 0, -1], PageUp: [0, 1, 0], PageDown: [0, -1, 0] };
    const move = moves[event.key];
    if (move) {
      const far = event.shiftKey ? 5 : 1;
      this.nv.moveCrosshairInVox(...move.map((step) => step * far));
      this.located();
    } else if (event.key === "Enter" && this.which === "first") {
      addPoint(this.crosshair());
    }
    if (move || event.key === "Enter") event.preventDefault();
    if (event.key !== "Shift") event.stopPropagation();
  }

  crosshair() {
    return Array.from(this.nv.frac2mm(this.nv.scene.crosshairPos)).slice(0, 3);
  }

  lookAt(point) {
    this.nv.scene.crosshairPos = this.nv.mm2frac(point);
    this.nv.drawScene();
    this.located();
  }

  located() {
    const point = this.crosshair();
    let text = `crosshair ${mm(point)} mm`;
    const likeness = this.valueAt(point);
    if (likeness !== null) text += `, likeness ${likeness.toFixed(2)}`;
    byId(`${this.which}-crosshair`).textContent = text;
    if (this.which === "first") showEntry(point);
  }

  valueAt(point) {
    const heat = state.heat[this.which];
    if (!heat) return null;
    const { origin_mm: origin, cell_mm: cell, shape } = heat.answer;
    const at = point.map((value, axis) => Math.round((value - origin[axis]) / cell[axis]));
    if (at.some((value, axis) => value < 0 || value >= shape[axis])) return null;
    const value = heat.values[at[0] + shape[0] * (at[1] + shape[1] * at[2])];
    return value === NOTHING ? null : value;
  }

  // meshes: [{ colour: name of a colormap, points, edges: [[i, j]], size, width }]
  draw(meshes) {
    // Set at once: NiiVue's addMesh and removeMesh would upload the scan again for each.
    for (const mesh of this.nv.meshes) mesh.unloadMesh(this.nv.gl);
    this.nv.meshes = meshes.map(({ colour, points, edges, size, width }) => {
      const nodes = points.map(([x, y, z], at) => ({ name: String(at + 1), x, y, z, colorValue: 1, sizeValue: size }));
      const lines = edges.map(([first, second]) => ({ first, second, colorValue: 1 }));
      const mesh = this.nv.loadConnectomeAsMesh({
        name: colour, nodeColormap: colour, nodeMinColor: 0, nodeMaxColor: 1, nodeScale: 1,
        edgeColormap: colour, edgeMin: 0, edgeMax: 1, edgeScale: width, legendLineThickness: 0, showLegend: false, nodes, edges: lines,
      });
      mesh.updateMesh(this.nv.gl);
      mesh.meshShaderIndex = this.shader;
      return mesh;
    });
    this.nv.drawScene();
  }

  async showHeat() {
    const heat = state.heat[this.which];
    const opacity = byId("show-heat").checked && heat ? Number(byId("opacity").value) : 0;
    if (heat && this.heat === null) {
      const name = "likeness.nii";
      this.heat = await this.nv.addVolumeFromUrl({ url: name, name, buffer: heat.buffer.slice(0), colormap: "heat", opacity, cal_min: -1, cal_max: 1 });
      this.heat.colormapType = 0;
    } else if (heat) {
      this.heat.img.set(heat.values);
    }
    if (this.heat !== null) {
      this.heat.cal_min = -1;
      this.heat.cal_max = 1;
      this.heat.opacity = opacity;
      this.nv.refreshLayers(this.heat, 1); // only the overlay: the scan stays on the graphics card
      this.nv.drawScene();
    }
    this.located();
  }
}

function boxEdges() {
  const edges = [];
  for (let a = 0; a < 8; a++) for (const bit of [1, 2, 4]) if (!(a & bit)) edges.push([a, a | bit]);
  return edges;
}

const corners = (low, high) => [...Array(8).keys()].map((at) => [0, 1, 2].map((axis) => ((at >> axis) & 1 ? high : low)[axis]));

function pointMap(at) { return `point${at % POINT_COLOURS.length}`; }

function drawScene() {
  const first = state.viewers.first;
  if (!first) return;
  const size = Math.max(...state.about.view_mm);
  const node = size / 26, line = size / 100;
  const meshes = [];
  const places = state.gaps?.places ?? [];
  places.forEach((place, at) => {
    meshes.push({ colour: pointMap(at), points: corners(place.low_mm, place.high_mm), edges: boxEdges(), size: 0, width: line / 2 });
  });
  state.points.forEach((point, at) => {
    meshes.push({ colour: pointMap(at), points: [places[at]?.centre_mm ?? point], edges: [], size: node, width: line });
  });
  if (state.gaps) {
    const steps = places.slice(1).map((_, at) => [at, at + 1]);
    const stops = state.gaps.routes[state.task].stops_mm;
    const last = stops.length - 1;
    meshes.push({ colour: "true", points: places.map((place) => place.centre_mm), edges: steps, size: 0, width: line });
    meshes.push({ colour: "predicted", points: stops, edges: steps, size: node * 0.7, width: line });
    meshes.push({ colour: "missed", points: [places[last].centre_mm, stops[last]], edges: [[0, 1]], size: 0, width: line });
  }
  if (state.same) {
    meshes.push({ colour: "missed", points: [state.same.asked.centre_mm, state.same.way_back_mm], edges: [[0, 1]], size: node * 0.5, width: line });
    state.viewers.second?.draw([{ colour: pointMap(state.chosen), points: [state.same.place_mm], edges: [], size: node, width: line }]);
  } else {
    state.viewers.second?.draw([]);
  }
  first.draw(meshes);
}

// ---------------------------------------------------------------- saying

const mm = (point) => point.map((value) => value.toFixed(0)).join(", ");
const signed = (vector) => vector.map((value) => (value <= -0.5 ? "−" : value >= 0.5 ? "+" : "") + Math.abs(value).toFixed(0)).join(", ");
const minus = (a, b) => a.map((value, axis) => value - b[axis]);

function showEntry(point) {
  if (byId("entry").contains(document.activeElement)) return; // do not overwrite what somebody is typing
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
    const said = placeSaid(at);
    if (said) text.append(Object.assign(document.createElement("span"), { className: "moved", textContent: said }));
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

function placeSaid(at) {
  const place = state.gaps?.places[at];
  if (!place) return "";
  const moved = Math.hypot(...minus(place.centre_mm, place.asked_mm));
  const parts = [];
  if (moved > 2 * Math.max(...state.about.scans.first.spacing_mm)) parts.push(`its view lies ${moved.toFixed(0)} mm off, to stay inside the scan`);
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
  const rows = [];
  for (let i = 0; i < gaps.places.length; i++) for (let j = i + 1; j < gaps.places.length; j++) {
    const truth = gaps.true_mm[i][j], guess = gaps.predicted_mm[task][i][j];
    const off = Math.hypot(...minus(guess, truth));
    const row = document.createElement("tr");
    row.append(
      cell(`${i + 1} → ${j + 1}`, { header: true }),
      cell(signed(truth), { small: `${Math.hypot(...truth).toFixed(0)} mm`, value: JSON.stringify(truth) }),
      cell(signed(guess), { small: `${Math.hypot(...guess).toFixed(0)} mm`, value: JSON.stringify(guess) }),
      cell(`${off.toFixed(1)} mm`, { value: off }),
    );
    rows.push(row);
  }
  byId("rows").replaceChildren(...rows);
  const route = gaps.routes[task];
  const names = gaps.places.map((_, at) => at + 1).join(" → ");
  const closure = route.closure_mm === null
    ? "Led back to the start it closes, but only because this task subtracts positions: that says nothing."
    : `Led back to the start it misses it by ${route.closure_mm.toFixed(1)} mm (this needs no truth).`;
  byId("route").textContent = `Route ${names}: the predicted end lies ${route.end_miss_mm.toFixed(1)} mm beside point ${gaps.places.length}. ${closure}`;
  byId("route").dataset.end = route.end_miss_mm;
  byId("route").dataset.closure = route.closure_mm;
}

function showHeatSaid() {
  const heat = state.heat.first;
  byId("likeness").hidden = !heat;
  for (const place of document.querySelectorAll(".chosen")) place.textContent = state.chosen + 1;
  if (!heat) return;
  const what = heat.answer.source === "encoder"
    ? "This run has no task that embeds places, so the encoder's last features are compared."
    : `Compared are parts of half a view's size, by the embedding of the task ${heat.answer.source}.`;
  const follows = heat.answer.nearness === null ? "" : ` In this scan likeness follows nearness with a rank correlation of ${heat.answer.nearness.toFixed(2)} (1: perfectly; 0: not at all).`;
  byId("heat-said").textContent = what + follows;
  byId("heat-said").dataset.nearness = heat.answer.nearness;
}

function showSame() {
  const { same } = state;
  byId("same").hidden = !same;
  if (!same) return;
  const said = byId("same-said");
  const out = same.outside ? " But the model looks for it outside this scan: it is probably not in it." : "";
  said.textContent = `Point ${state.chosen + 1} is at ${mm(same.place_mm)} mm there, confidence ${(100 * same.confidence).toFixed(0)} %.${out} The way back misses by ${same.way_back_miss_mm.toFixed(1)} mm. The views that say so differ by ${same.spread_mm.toFixed(0)} mm; likeness of the two places: ${same.cosine.toFixed(2)}. Found with ${same.source}.`;
  Object.assign(said.dataset, { place: JSON.stringify(same.place_mm), confidence: same.confidence, back: same.way_back_miss_mm });
}

// ---------------------------------------------------------------- doing

function addPoint(point) {
  if (state.points.length >= state.about.most_points) {
    say(`No more than ${state.about.most_points} points; remove some.`, true);
    return;
  }
  state.points.push(point);
  choose(state.points.length - 1, true);
}

function removePoint(at) {
  state.points.splice(at, 1);
  if (state.chosen >= at) state.chosen -= 1;
  if (state.chosen < 0 && state.points.length) state.chosen = 0;
  choose(state.chosen, true);
  (byId(`choose${state.chosen}`) ?? byId("mm0")).focus();
}

function choose(at, changed = false) {
  state.chosen = at;
  if (state.points[at]) state.viewers.first?.lookAt(state.points[at]);
  showPoints();
  if (changed) answerGaps();
  answerHeat();
  answerSame();
}

async function latest(kind, question) {
  const number = ++state.asked[kind];
  try {
    const answer = await question();
    return number === state.asked[kind] ? answer : undefined;
  } catch (error) {
    if (number === state.asked[kind]) say(error.message, true);
    return undefined;
  }
}

async function answerGaps() {
  const points = state.points.slice();
  if (points.length < 2 || state.about.gap_tasks.length === 0) {
    state.asked.gaps++;
    state.gaps = null;
    say(points.length ? "Add another point to see the gap between the two." : "Add two points to see gaps, one for its likeness.");
  } else {
    const began = performance.now();
    const answer = await latest("gaps", () => askJson("api/gaps", { points_mm: points }));
    if (!answer) return;
    state.gaps = answer;
    byId("gaps").dataset.ms = performance.now() - began;
    say(`Gaps between ${points.length} points.`);
  }
  showPoints();
  showGaps();
  drawScene();
}

async function answerHeat() {
  const point = state.points[state.chosen];
  await Promise.all(Object.keys(state.about.scans).map(async (which) => {
    if (!state.ready[which] || !state.ready.first) return;
    if (!point) {
      delete state.heat[which];
    } else {
      const began = performance.now();
      const answer = await latest(`heat-${which}`, () => askJson("api/heat", { point_mm: point, which }));
      if (!answer) return;
      const bytes = Uint8Array.from(atob(answer.nifti), (letter) => letter.charCodeAt(0));
      state.heat[which] = { answer, buffer: bytes.buffer, values: new Float32Array(bytes.buffer.slice(352)) };
      byId("likeness").dataset.ms = performance.now() - began;
    }
    await state.viewers[which]?.showHeat();
  }));
  showHeatSaid();
}

async function answerSame() {
  const point = state.points[state.chosen];
  if (!state.about.scans.second || !state.ready.second) return;
  if (!point) {
    state.asked.same++;
    state.same = null;
  } else {
    const began = performance.now();
    const answer = await latest("same", () => askJson("api/same", { point_mm: point }));
    if (!answer) return;
    state.same = answer;
    byId("same").dataset.ms = performance.now() - began;
    state.viewers.second?.lookAt(answer.place_mm);
  }
  showSame();
  drawScene();
}

function enter(event) {
  event.preventDefault();
  const inputs = [0, 1, 2].map((axis) => byId(`mm${axis}`));
  const values = inputs.map((input) => Number(input.value.trim().replace(",", ".").replace("−", "-")));
  const [low, high] = state.about.scans.first.bounds_mm;
  const bad = values.map((value, axis) => !inputs[axis].value.trim() || !(value >= low[axis] && value <= high[axis]));
  inputs.forEach((input, axis) => input.setAttribute("aria-invalid", bad[axis]));
  const axis = bad.indexOf(true);
  if (axis >= 0) {
    say(`${["right", "front", "head"][axis]}: a number from ${low[axis].toFixed(1)} to ${high[axis].toFixed(1)} mm is needed.`, true);
    inputs[axis].focus();
    return;
  }
  addPoint(values);
}

// ---------------------------------------------------------------- starting

async function follow() {
  for (;;) {
    let status;
    try {
      status = await askJson("api/status");
    } catch (error) {
      say(error.message, true);
      return;
    }
    if (status.failure) {
      note(`${status.failure}. Gaps still work; likeness and the same place do not.`, true);
      byId("ready").hidden = true;
      return;
    }
    const shares = Object.values(status.progress);
    byId("progress").value = (100 * shares.reduce((sum, share) => sum + share, 0)) / shares.length;
    const news = Object.keys(status.progress).filter((which) => status.progress[which] === 1 && !state.ready[which]);
    for (const which of news) state.ready[which] = true;
    if (news.length) { answerHeat(); answerSame(); }
    if (shares.every((share) => share === 1)) {
      byId("ready").hidden = true;
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

function describe() {
  const { about } = state;
  byId("about").textContent = `${about.run}: method ${about.method}, encoder ${about.encoder}, ${about.step} steps; a view is ${mm(about.view_mm)} mm`;
  const size = Object.keys(about.scans).length;
  for (const [which, scan] of Object.entries(about.scans)) {
    byId(`${which}-figure`).hidden = false;
    byId(`${which}-name`).textContent = `${scan.name} (${scan.modality})`;
    for (const warning of scan.warnings) note(size > 1 ? `${scan.name}: ${warning}` : warning);
  }
  const middle = about.scans.first.bounds_mm[0].map((low, axis) => (low + about.scans.first.bounds_mm[1][axis]) / 2);
  showEntry(middle);
  state.task = about.gap_tasks[0] ?? null;
  if (!state.task) note("This run has no task that predicts gaps: there are no gaps and routes to show.");
  for (const task of about.gap_tasks) {
    const label = Object.assign(document.createElement("label"), { className: "row" });
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "task", value: task, checked: task === state.task });
    radio.addEventListener("change", () => { state.task = task; showGaps(); drawScene(); });
    label.append(radio, task);
    byId("tasks").append(label);
  }
}

async function openViewers() {
  if (!document.createElement("canvas").getContext("webgl2")) {
    note("This browser offers no WebGL2, so the scan cannot be drawn. Use a current Firefox, Chrome, Edge or Safari, or allow "
      + "hardware acceleration in its settings. Points can still be entered in mm, and the answers are shown as numbers.", true);
    for (const canvas of document.querySelectorAll("canvas")) {
      const blind = Object.assign(document.createElement("p"), { className: "blind", textContent: "No WebGL2: nothing can be drawn here." });
      canvas.replaceWith(blind);
    }
    return;
  }
  await Promise.all(Object.entries(state.about.scans).map(async ([which, scan]) => {
    const buffer = await (await ask(`api/${which}.nii`)).arrayBuffer();
    const viewer = new Viewer(which);
    await viewer.open(buffer, `${which}.nii`);
    state.viewers[which] = viewer;
  }));
  drawScene();
}

async function start() {
  try {
    state.about = await askJson("api/about");
    describe();
    byId("entry").addEventListener("submit", enter);
    byId("clear").addEventListener("click", () => { state.points = []; choose(-1, true); byId("mm0").focus(); });
    byId("show-3d").addEventListener("input", () => Object.values(state.viewers).forEach((viewer) => viewer.show3d()));
    for (const id of ["show-heat", "opacity"]) {
      byId(id).addEventListener("input", () => Object.values(state.viewers).forEach((viewer) => viewer.showHeat()));
    }
    await openViewers();
    document.body.dataset.ready = performance.now();
    await follow();
  } catch (error) {
    note(error.message, true);
    byId("about").textContent = "";
  }
}

start();
