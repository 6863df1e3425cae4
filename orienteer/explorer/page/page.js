// The explorer's page: waits for the server, opens the scans, and asks about the points.
"use strict";

const START = "Add two points to see gaps, one to see its similarity to other places.";
const LOADING = "The model is being loaded. Points that you add meanwhile are answered as soon as it is.";
const POLL_MS = 250;

// Returns the answer to the newest question of its kind, and notes in an element how long it took; null where a newer
// question has overtaken it.
async function timed(kind, element, ask) {
  const began = performance.now();
  const answer = await latest(kind, ask);
  if (answer) byId(element).dataset.ms = performance.now() - began;
  return answer;
}

async function answerGaps() {
  const points = state.points.slice();
  if (!state.about) {
    setStatus(LOADING);
  } else if (points.length < 2 || state.about.gap_tasks.length === 0) {
    state.asked.gaps++;
    state.gaps = null;
    setStatus(points.length ? "Add another point to see the gap between the two." : START);
  } else {
    const answer = await timed("gaps", "gaps", () => askJson("api/gaps", { points_mm: points }));
    if (!answer) return;
    state.gaps = answer;
    setStatus(`Gaps between ${points.length} points.`);
  }
  showPoints();
  showGaps();
  drawScene();
}

async function answerHeat() {
  const point = state.points[state.chosen];
  await Promise.all(Object.keys(state.scans).map(async (which) => {
    if (!state.ready[which] || !state.ready.first) return;
    if (!point) {
      state.asked[`heat-${which}`]++;
      delete state.heat[which];
    } else {
      const volume = await timed(`heat-${which}`, "similarity", () => askVolume("api/heat", { point_mm: point, which }));
      if (!volume) return;
      state.heat[which] = volume;
    }
    if (state.viewers[which] && overlayMode() === "similar") await showOverlay(state.viewers[which]);
  }));
  showOverlayText();
}

async function answerSame() {
  const point = state.points[state.chosen];
  if (!state.scans.second || !state.ready.maps) return;
  if (!point) {
    state.asked.same++;
    state.same = null;
  } else {
    const answer = await timed("same", "same", () => askJson("api/same", { point_mm: point }));
    if (!answer) return;
    state.same = answer;
    state.viewers.second?.lookAt(answer.place_mm);
  }
  showSame();
  drawScene();
}

const pause = () => new Promise((resolve) => setTimeout(resolve, POLL_MS));

function showProgress(status) {
  const shares = Object.values(status.progress), done = shares.length && shares.every((share) => share === 1);
  const share = shares.length ? (100 * shares.reduce((sum, each) => sum + each, 0)) / shares.length : null;
  const { maps, ...features } = status.progress;
  const what = maps === 0 && Object.values(features).every((each) => each === 1) ? "maps between the scans" : "features of the scan";
  byId("progress-label").textContent = share === null ? `${status.stage}…` : `computing the ${what}: ${share.toFixed(0)} %`;
  if (share === null) byId("progress").removeAttribute("value");
  else byId("progress").value = share;
  byId("ready").hidden = Boolean(done || status.failure);
}

// Waits until the scans can be drawn ("drawable") or the model can answer ("open"). The page is there before both.
async function waitUntil(what) {
  for (;;) {
    const status = await askJson("api/status");
    showProgress(status);
    if (status.failure) throw new Error(status.failure);
    if (status[what]) return;
    await pause();
  }
}

async function followFeatures() {
  for (;;) {
    const status = await askJson("api/status");
    showProgress(status);
    if (status.failure) {
      addNotice(`${status.failure}. Gaps are available; similarity and the same place are not.`, true);
      return;
    }
    const newly = Object.keys(status.progress).filter((which) => status.progress[which] === 1 && !state.ready[which]);
    for (const which of newly) state.ready[which] = true;
    if (newly.length) { byId("overlays").hidden = false; answerHeat(); answerSame(); }
    if (newly.length && overlayMode() === "features") chooseOverlay();
    if (Object.values(status.progress).every((share) => share === 1)) {
      document.body.dataset.features = performance.now();
      return;
    }
    await pause();
  }
}

function describeScans() {
  for (const [which, scan] of Object.entries(state.scans)) {
    byId(`${which}-figure`).hidden = false;
    byId(`${which}-name`).textContent = `${scan.name} (${scan.modality})`;
  }
  byId("link-label").hidden = !state.scans.second;
  if (state.scans.second) byId("layout").value = "all"; // one above the other, scans are wide and low: views in a row are larger
  const [low, high] = state.scans.first.bounds_mm;
  showEntry(low.map((value, axis) => (value + high[axis]) / 2));
  byId("work").hidden = false;
  setStatus(LOADING);
}

function describeRun() {
  const { about } = state;
  byId("about").textContent = `${about.run}: method ${about.method}, encoder ${about.encoder}, ${about.step} steps; a view is ${mm(about.view_mm)} mm`;
  for (const [which, { warnings }] of Object.entries(about.scans)) {
    for (const warning of warnings) addNotice(state.scans.second ? `${state.scans[which].name}: ${warning}` : warning);
  }
  describeTasks(about.gap_tasks);
}

function describeTasks(tasks) {
  state.task = tasks[0] ?? null;
  if (!state.task) addNotice("No task of this run predicts gaps, so gaps and routes are not available.");
  for (const task of tasks) {
    const radio = made("input", { type: "radio", name: "task", value: task, checked: task === state.task });
    radio.addEventListener("change", () => { state.task = task; showGaps(); drawScene(); });
    byId("tasks").append(made("label", { className: "row" }, radio, task));
  }
}

function listenPage() {
  byId("entry").addEventListener("submit", enter);
  byId("clear").addEventListener("click", removeAll);
  byId("undo").addEventListener("click", undo);
  byId("redo").addEventListener("click", redo);
  byId("screenshot").addEventListener("click", takeScreenshot);
  byId("opacity").addEventListener("input", showOverlays);
  for (const radio of document.querySelectorAll("input[name=overlay]")) radio.addEventListener("change", chooseOverlay);
  document.addEventListener("keydown", pageKey);
  listenLayout();
  listenFiles();
}

async function openViewers() {
  if (!document.createElement("canvas").getContext("webgl2")) {
    addNotice("This browser has no WebGL2, so the scan cannot be drawn. Use a current Firefox, Chrome, Edge or Safari, or allow "
      + "hardware acceleration in its settings. Points can be entered in mm, and answers are shown as numbers.", true);
    for (const canvas of document.querySelectorAll("canvas")) {
      canvas.replaceWith(made("p", { className: "blind", textContent: "No WebGL2: the scan cannot be drawn." }));
    }
    return;
  }
  await Promise.all(Object.keys(state.scans).map(async (which) => {
    const buffer = await (await ask(`api/${which}.nii`)).arrayBuffer();
    const viewer = new Viewer(which);
    await viewer.open(buffer, `${which}.nii`);
    viewer.firstWindow = [viewer.volume.cal_min, viewer.volume.cal_max];
    state.viewers[which] = viewer;
  }));
  byId("tools").hidden = false;
  offerWindows();
  drawScene();
}

async function start() {
  startTheme();
  try {
    await waitUntil("drawable");
    Object.assign(state, await askJson("api/scans"));
    describeScans();
    listenPage();
    await openViewers();
    restorePoints();
    document.body.dataset.ready = performance.now();
    await waitUntil("open");
    state.about = await askJson("api/about");
    describeRun();
    document.body.dataset.open = performance.now();
    answerGaps();
    await followFeatures();
  } catch (error) {
    addNotice(error.message, true);
    byId("ready").hidden = true;
    if (!state.about) byId("about").textContent = "";
  }
}

start();
