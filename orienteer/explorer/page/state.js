// The state of the explorer's page, its colours, and small helpers. Positions are mm in the body frame.
"use strict";

// Truth and prediction as in orienteer/draw/palette.py. What was missed is a colour that nobody takes for a prediction.
const TRUE = "#56B4E9", PREDICTED = "#E69F00", MISSED = "#FF4FA3";
const POINT_COLOURS = ["#00B386", "#F0E442", "#9D7BFF", "#FFFFFF", "#3D9BE0", "#A6A6A6"]; // none of those above; reused after the last

const state = {
  scans: null, // which -> { name, modality, bounds_mm }, there before the model is
  most_points: 0,
  about: null, // the run, once it is loaded
  points: [], // [[right, front, head], ...]
  labels: [], // their names, where a file gave them some; else ""
  chosen: -1, // the point whose similarity is shown
  task: null,
  gaps: null,
  heat: {}, // which -> { answer, cells }
  colours: {}, // which -> { answer, cells }
  same: null,
  viewers: {}, // which -> Viewer
  ready: { first: false, second: false, maps: false },
  asked: { gaps: 0, "heat-first": 0, "heat-second": 0, "colours-first": 0, "colours-second": 0, same: 0 }, // number of the latest question of each kind: answers to older ones are dropped
};

const mm = (point) => point.map((value) => value.toFixed(0)).join(", ");
const signed = (vector) => vector.map((value) => (value <= -0.5 ? "−" : value >= 0.5 ? "+" : "") + Math.abs(value).toFixed(0)).join(", ");
const minus = (a, b) => a.map((value, axis) => value - b[axis]);

// "R 42, A 10, I 120": the letter is the side of the body's origin that a position is on.
const SIDES = [["L", "R"], ["P", "A"], ["I", "S"]];
const sides = (point) => point.map((value, axis) => `${SIDES[axis][value < 0 ? 0 : 1]} ${Math.abs(value).toFixed(0)}`).join(", ");
