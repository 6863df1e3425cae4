// Shapes that mark places: boxes, spheres and rings, and their colours in NiiVue.
"use strict";

const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

// Lines are drawn without shading, so that their colours match the legend.
const PLAIN = `#version 300 es
#line 1
precision highp int;
precision highp float;
uniform float opacity;
in vec4 vClr;
in vec3 vN;
out vec4 color;
void main(void) { color = vec4(vClr.rgb, opacity); }`;

const RING_CORNERS = 48;

function constantMap(colour) {
  const [r, g, b] = rgb(colour);
  return { R: [r, r], G: [g, g], B: [b, b], A: [255, 255], I: [0, 255] };
}

const markerColours = () => ({
  ...Object.fromEntries(POINT_COLOURS.map((colour, at) => [`point${at}`, colour])), true: TRUE, predicted: PREDICTED, missed: MISSED,
});

const pointMap = (at) => `point${at % POINT_COLOURS.length}`;

function boxEdges() {
  const edges = [];
  for (let a = 0; a < 8; a++) for (const bit of [1, 2, 4]) if (!(a & bit)) edges.push([a, a | bit]);
  return edges;
}

const corners = (low, high) => [...Array(8).keys()].map((at) => [0, 1, 2].map((axis) => ((at >> axis) & 1 ? high : low)[axis]));

// An error bar: a sphere that is filled where the model is sure, and three broken rings where it is not.
function errorSphere(colour, centre, radius, unsure, line) {
  const points = [], edges = [];
  for (const axis of [0, 1, 2]) {
    const first = points.length, [across, up] = [0, 1, 2].filter((other) => other !== axis);
    for (let k = 0; k < RING_CORNERS; k++) {
      const point = centre.slice(), angle = (2 * Math.PI * k) / RING_CORNERS;
      point[across] += radius * Math.cos(angle);
      point[up] += radius * Math.sin(angle);
      points.push(point);
      if (!unsure || k % 3 !== 2) edges.push([first + k, first + ((k + 1) % RING_CORNERS)]);
    }
  }
  const rings = { colour, name: unsure ? "hollow" : "rings", points, edges, size: 0, width: line };
  const ball = { colour, name: "sphere", points: [centre], edges: [], size: radius, width: line, opacity: 0.18 };
  return unsure ? [rings] : [rings, ball];
}
