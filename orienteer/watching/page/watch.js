// The page that watches a run: asks for what is new every two seconds, and shows it.
"use strict";

const POLL_MS = 2000, SLOW_MS = 10_000, PLAY_MS = 600;
const LIVE = ["waiting", "preparing", "training", "ending", "unknown"];

const view = { run: null, version: -1, shown: null, validations: new Map(), playing: null, asked: 0 };

function showStatus({ doing, words: sentence, step, steps, age_s }) {
  if (byId("status").textContent !== sentence) byId("status").textContent = sentence;
  byId("progress").hidden = !steps;
  if (steps) Object.assign(byId("progress"), { max: steps, value: step });
  const live = doing === "training" || doing === "unknown";
  byId("age").textContent = age_s !== null && live ? `last line ${age_s < 90 ? `${age_s.toFixed(0)} s` : `${(age_s / 60).toFixed(0)} min`} ago` : "";
  document.body.dataset.doing = doing;
}

function showNote(message) {
  byId("notes").replaceChildren(...(message ? [made("p", { className: "wrong", textContent: message })] : []));
}

function describe({ run, about }) {
  const facts = [about.method && `method ${about.method}`, about.encoder && `encoder ${about.encoder}`,
    about.views && `${about.views} views`, about.batch && `batch ${about.batch}`].filter(Boolean);
  byId("about").textContent = [run, ...facts].join(", ");
  document.title = `${run}: orienteer watch`;
}

function showCurves() {
  const { loss, metrics, steps, step, validations } = view.run;
  const begun = loss.train.steps.length + loss.heldout.steps.length > 0;
  byId("course").hidden = !begun;
  if (!begun) return;
  byId("measured").hidden = metrics.length === 0;
  byId("predicted").hidden = validations.length === 0;
  const length = steps || step || 1;
  showLoss(byId("loss"), loss, length);
  const host = byId("metrics");
  for (const metric of metrics) {
    const id = `metric-${metric.key}`;
    if (!byId(id)) host.append(made("figure", { id }));
    showMetric(byId(id), metric, length);
  }
  for (const figure of [...host.children]) if (!metrics.some(({ key }) => figure.id === `metric-${key}`)) figure.remove();
  if (metrics.length) showNumbers(byId("numbers"), metrics, loss.heldout.steps.at(-1));
}

// Offers the names in a select, and keeps the one that was chosen.
function offer(select, names) {
  if (JSON.stringify([...select.options].map(({ text }) => text)) === JSON.stringify(names)) return;
  const before = select.selectedOptions[0]?.text;
  select.replaceChildren(...names.map((name, at) => made("option", { textContent: name, value: at })));
  select.selectedIndex = Math.max(0, names.indexOf(before));
}

function showValidation() {
  const { shown } = view;
  if (!shown || byId("predicted").hidden) return;
  offer(byId("scan"), shown.scans.map(({ name }) => name));
  const chosen = Math.max(0, byId("scan").selectedIndex), scan = shown.scans[chosen];
  offer(byId("task"), Object.keys(scan?.gaps_mm ?? {}));
  const task = byId("task").selectedOptions[0]?.text, curves = Object.values(shown.falloff)[0];
  for (const id of ["gaps", "coronal", "sagittal"]) byId(id).hidden = !task;
  byId("task-label").hidden = !task;
  byId("similarity").hidden = !curves;
  if (task) {
    showGaps(byId("gaps"), shown.scans, chosen, task);
    for (const plane of ["coronal", "sagittal"]) showPlaces(byId(plane), scan, task, shown.view_mm);
  }
  if (curves) showSimilarity(byId("similarity"), curves);
  showPictures(byId("pictures"), shown.pictures);
}

// Shows validation `at`; what was asked for meanwhile goes first.
async function look(at) {
  const { validations } = view.run, step = validations[at];
  if (step === undefined) return;
  byId("when").value = at;
  byId("when").setAttribute("aria-valuetext", `step ${step}`);
  byId("when-step").textContent = `step ${step}`;
  const asked = ++view.asked;
  try {
    if (!view.validations.has(step)) view.validations.set(step, await askJson(`api/validation/${step}`));
    if (asked !== view.asked) return;
    view.shown = view.validations.get(step);
    showValidation();
    document.body.dataset.step = step;
  } catch (error) {
    showNote(error.message);
  }
}

function take(answer) {
  showStatus(answer);
  if (!answer.loss) return false;
  if (view.run && answer.validations.length < view.run.validations.length) view.validations.clear(); // begun anew
  view.run = answer;
  view.version = answer.version;
  describe(answer);
  showCurves();
  const last = answer.validations.length - 1, when = byId("when");
  when.max = Math.max(0, last);
  if (last >= 0 && (byId("follow").checked || !view.shown)) look(last);
  else if (view.shown) look(Math.min(Number(when.value), last));
  return true;
}

async function poll() {
  let wait = POLL_MS;
  try {
    const answer = await askJson(`api/run?version=${view.version}`);
    showNote("");
    take(answer);
    document.body.dataset.version = view.version;
    if (!LIVE.includes(answer.doing) || document.hidden) wait = SLOW_MS;
  } catch (error) {
    showNote(view.run ? `${error.message} The last state is shown.` : error.message);
    wait = SLOW_MS;
  }
  setTimeout(poll, wait);
}

function stopPlaying() {
  clearInterval(view.playing);
  view.playing = null;
  byId("play").textContent = "Play all";
}

function play() {
  if (view.playing) return stopPlaying();
  byId("follow").checked = false;
  byId("play").textContent = "Stop";
  let at = 0;
  look(at);
  view.playing = setInterval(() => {
    if (++at < view.run.validations.length) look(at);
    else stopPlaying();
  }, PLAY_MS);
}

function listen() {
  byId("when").addEventListener("input", () => {
    stopPlaying();
    byId("follow").checked = Number(byId("when").value) === view.run.validations.length - 1;
    look(Number(byId("when").value));
  });
  byId("follow").addEventListener("change", () => { if (byId("follow").checked) { stopPlaying(); look(view.run.validations.length - 1); } });
  byId("play").addEventListener("click", play);
  for (const id of ["scan", "task"]) byId(id).addEventListener("change", showValidation);
  byId("pictures").addEventListener("toggle", showValidation);
  let redraw = null;
  window.addEventListener("resize", () => {
    clearTimeout(redraw);
    redraw = setTimeout(() => { if (view.run) { showCurves(); showValidation(); } }, 150);
  });
}

startTheme();
listen();
poll();
