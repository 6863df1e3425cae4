// The state of the explorer's page, its colours, and small helpers. Positions are mm in the body frame.
"use strict";

// The colours of orienteer/draw/palette.py.
const TRUE = "#56B4E9", PREDICTED = "#E69F00", MISSED = "#D55E00";
const POINT_COLOURS = ["#009E73", "#CC79A7", "#F0E442", "#3D9BE0", "#FFFFFF", "#A6A6A6"]; // none of those above; reused after the last
const NOTHING = -2; // value of cells in air
const CLICK_PX = 4; // a press that moves further is a drag

const byId = (id) => document.getElementById(id);
const state = {
  about: null,
  points: [], // [[right, front, head], ...]
  chosen: -1, // the point whose similarity is shown
  task: null,
  gaps: null,
  heat: {}, // which -> { answer, values }
  same: null,
  viewers: {}, // which -> Viewer
  ready: { first: false, second: false },
  asked: { gaps: 0, "heat-first": 0, "heat-second": 0, same: 0 }, // number of the latest question of each kind: answers to older ones are dropped
};

const mm = (point) => point.map((value) => value.toFixed(0)).join(", ");
const signed = (vector) => vector.map((value) => (value <= -0.5 ? "−" : value >= 0.5 ? "+" : "") + Math.abs(value).toFixed(0)).join(", ");
const minus = (a, b) => a.map((value, axis) => value - b[axis]);
