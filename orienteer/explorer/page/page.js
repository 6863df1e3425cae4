// The explorer's page: asks the server about the points, and shows the answers.
"use strict";

const START = "Add two points to see gaps, one to see its similarity to other places.";

function addPoint(point) {
  if (state.points.length >= state.about.most_points) {
    setStatus(`No more than ${state.about.most_points} points; remove one first.`, true);
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

async function answerGaps() {
  const points = state.points.slice();
  if (points.length < 2 || state.about.gap_tasks.length === 0) {
    state.asked.gaps++;
    state.gaps = null;
    setStatus(points.length ? "Add another point to see the gap between the two." : START);
  } else {
    const began = performance.now();
    const answer = await latest("gaps", () => askJson("api/gaps", { points_mm: points }));
    if (!answer) return;
    state.gaps = answer;
    byId("gaps").dataset.ms = performance.now() - began;
    setStatus(`Gaps between ${points.length} points.`);
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
      byId("similarity").dataset.ms = performance.now() - began;
    }
    await state.viewers[which]?.showHeat();
  }));
  showSimilarity();
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
    setStatus(`${["right", "front", "head"][axis]}: enter a number from ${low[axis].toFixed(1)} to ${high[axis].toFixed(1)} mm.`, true);
    inputs[axis].focus();
    return;
  }
  addPoint(values);
}

async function follow() {
  for (;;) {
    let status;
    try {
      status = await askJson("api/status");
    } catch (error) {
      setStatus(error.message, true);
      return;
    }
    if (status.failure) {
      addNotice(`${status.failure}. Gaps are available; similarity and the same place are not.`, true);
      byId("ready").hidden = true;
      return;
    }
    const shares = Object.values(status.progress);
    byId("progress").value = (100 * shares.reduce((sum, share) => sum + share, 0)) / shares.length;
    const newly = Object.keys(status.progress).filter((which) => status.progress[which] === 1 && !state.ready[which]);
    for (const which of newly) state.ready[which] = true;
    if (newly.length) { answerHeat(); answerSame(); }
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
    for (const warning of scan.warnings) addNotice(size > 1 ? `${scan.name}: ${warning}` : warning);
  }
  const centre = about.scans.first.bounds_mm[0].map((low, axis) => (low + about.scans.first.bounds_mm[1][axis]) / 2);
  showEntry(centre);
  state.task = about.gap_tasks[0] ?? null;
  if (!state.task) addNotice("No task of this run predicts gaps, so gaps and routes are not available.");
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
    addNotice("This browser has no WebGL2, so the scan cannot be drawn. Use a current Firefox, Chrome, Edge or Safari, or allow "
      + "hardware acceleration in its settings. Points can be entered in mm, and answers are shown as numbers.", true);
    for (const canvas of document.querySelectorAll("canvas")) {
      const blind = Object.assign(document.createElement("p"), { className: "blind", textContent: "No WebGL2: the scan cannot be drawn." });
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
    addNotice(error.message, true);
    byId("about").textContent = "";
  }
}

start();
