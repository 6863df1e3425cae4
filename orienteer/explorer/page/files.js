// Points as files: Slicer's markups (JSON, LPS, mm) and CSV.
"use strict";

const SCHEMA = "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/markups-schema-v1.0.3.json#";
const OURS = ["right_mm", "front_mm", "head_mm"];
const MIRRORED = [-1, -1, 1]; // from LPS to the body frame (RAS) and back

const labelOf = (at) => state.labels[at] || String(at + 1);

function markupsText() {
  const controlPoints = state.points.map((point, at) => ({
    id: String(at + 1), label: labelOf(at), description: "", associatedNodeID: "",
    position: point.map((value, axis) => value * MIRRORED[axis]), orientation: [-1, 0, 0, 0, -1, 0, 0, 0, 1],
    selected: true, locked: false, visibility: true, positionStatus: "defined",
  }));
  const markups = [{ type: "Fiducial", coordinateSystem: "LPS", coordinateUnits: "mm", locked: false, labelFormat: "%N-%d", controlPoints, measurements: [] }];
  return `${JSON.stringify({ "@schema": SCHEMA, markups }, null, 2)}\n`;
}

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function csvText() {
  const rows = state.points.map((point, at) => [quoted(labelOf(at)), ...point.map((value) => value.toFixed(3))].join(","));
  return `${["label", ...OURS].join(",")}\n${rows.join("\n")}\n`;
}

function download(name, content, type) {
  const link = made("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const baseName = () => state.scans.first.name.split("/").at(-1).replace(/\.(nii|nrrd|mha|mhd|nii\.gz|gz)*$/i, "").replace(/\.nii$/i, "");

// Returns { points, labels } of a file, or throws an error that says what is wrong and what to do.
function parsePoints(text, name) {
  const read = name.toLowerCase().endsWith(".csv") ? parseCsv(text) : parseMarkups(text);
  if (read.points.length === 0) throw new Error("wanted at least one point, got none. Do this: choose a file with points");
  const most = state.most_points, [low, high] = state.scans.first.bounds_mm;
  if (read.points.length > most) throw new Error(`wanted at most ${most} points, got ${read.points.length}. Do this: remove some`);
  read.points.forEach((point, at) => {
    if (point.length !== 3 || !point.every(Number.isFinite)) throw new Error(`point ${at + 1}: wanted three numbers, got ${point}. Do this: correct the file`);
    if (point.some((value, axis) => value < low[axis] - 1 || value > high[axis] + 1)) {
      throw new Error(`point ${at + 1} (${sides(point)} mm) is outside this scan. Do this: load points of this scan`);
    }
  });
  const clamp = (point) => point.map((value, axis) => Math.min(high[axis], Math.max(low[axis], value)));
  return { points: read.points.map(clamp), labels: read.labels };
}

function parseMarkups(text) {
  let markups;
  try { markups = JSON.parse(text).markups; } catch { /* not JSON */ }
  if (!Array.isArray(markups)) throw new Error("wanted Slicer markups (.mrk.json), got another file. Do this: save points as markups in Slicer, or as CSV");
  const points = [], labels = [];
  for (const each of markups) {
    const { coordinateSystem: system = "LPS", coordinateUnits: units = "mm", controlPoints = [] } = each;
    if (!["LPS", "RAS"].includes(system)) throw new Error(`wanted coordinates in LPS or RAS, got ${system}. Do this: save the markups in a current Slicer`);
    if (units !== "mm") throw new Error(`wanted mm, got ${units}. Do this: save the markups in mm`);
    for (const { position, label = "", positionStatus = "defined" } of controlPoints) {
      if (positionStatus !== "defined") continue; // Slicer's placeholder of a point that nobody has set
      points.push((position ?? []).map((value, axis) => (system === "LPS" ? value * MIRRORED[axis] : value)));
      labels.push(label);
    }
  }
  return { points, labels };
}

// Our own columns, or those of Slicer's markups tables: l, p, s or r, a, s.
function parseCsv(text) {
  const [head = [], ...rows] = csvRows(text), names = head.map((name) => name.trim().toLowerCase());
  const forms = [[OURS, [1, 1, 1]], [["r", "a", "s"], [1, 1, 1]], [["l", "p", "s"], MIRRORED]];
  const form = forms.find(([columns]) => columns.every((column) => names.includes(column)));
  if (!form) throw new Error(`wanted the columns ${OURS.join(", ")} (or r, a, s or l, p, s), got ${head.join(", ")}. Do this: name the columns`);
  const at = form[0].map((column) => names.indexOf(column)), labelAt = names.indexOf("label");
  return {
    points: rows.map((row) => at.map((column, axis) => (row[column]?.trim() ? Number(row[column]) * form[1][axis] : NaN))),
    labels: rows.map((row) => (labelAt >= 0 ? row[labelAt] ?? "" : "")),
  };
}

function csvRows(text) {
  const rows = [[]];
  for (const [, quotedCell, plainCell, end] of text.replace(/^\uFEFF/, "").matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1).push(quotedCell?.replaceAll('""', '"') ?? plainCell);
    if (end === "") break;
    if (end !== ",") rows.push([]);
  }
  return rows.filter((row) => row.some((value) => value.trim()));
}

async function loadPoints() {
  const [file] = byId("load").files;
  byId("load").value = ""; // so that the same file may be chosen again
  if (!file) return;
  try {
    const { points, labels } = parsePoints(await file.text(), file.name);
    remember();
    replacePoints(points, labels);
    setStatus(`${points.length} point${points.length === 1 ? "" : "s"} from ${file.name}.`);
  } catch (error) {
    setStatus(`${file.name}: ${error.message}.`, true);
  }
}

function listenFiles() {
  byId("save-markups").addEventListener("click", () => download(`${baseName()}.mrk.json`, markupsText(), "application/json"));
  byId("save-csv").addEventListener("click", () => download(`${baseName()}_points.csv`, csvText(), "text/csv"));
  byId("load").addEventListener("change", loadPoints);
}
