// What is drawn on the scans: views, points, routes, error bars, and the same place.
"use strict";

function drawScene() {
  const first = state.viewers.first;
  if (!first) return;
  const [low, high] = state.scans.first.bounds_mm, size = Math.min(...minus(high, low)) / 2, node = size / 22;
  const line = lineWidth(first, size);
  const meshes = [...viewBoxes(line), ...pointMarkers(node, line), ...routeMarkers(node, line)];
  if (state.same) {
    meshes.push({ colour: "missed", points: [state.same.asked.asked_mm, state.same.way_back_mm], edges: [[0, 1]], size: node * 0.5, width: line });
  }
  const second = state.viewers.second;
  second?.draw(state.same ? sameMarkers(state.same, node, lineWidth(second, size)) : []);
  first.draw(meshes);
}

// The width of lines in mm. The thinnest, a third of it, are as wide as a pixel: thinner ones would break into dashes.
function lineWidth(viewer, size) {
  viewer.pixelMm = pixelMm(viewer);
  return Math.max(size / 130, 1.6 * (viewer.pixelMm ?? 0));
}

// mm of the body per pixel in the slice that is drawn smallest, or null where only 3D is drawn.
function pixelMm(viewer) {
  const slices = viewer.nv.screenSlices.filter(({ axCorSag }) => axCorSag <= 2);
  return slices.length ? Math.max(...slices.map(({ fovMM, leftTopWidthHeight }) => Math.abs(fovMM[0]) / leftTopWidthHeight[2])) : null;
}

// After the layout or the size of the page was changed, lines would be too thin or too wide.
function keepLineWidth(viewer) {
  const now = pixelMm(viewer);
  if (viewer.nv.meshes.length && now && Math.abs(now / (viewer.pixelMm ?? 0) - 1) > 0.1) drawScene();
}

function viewBoxes(line) {
  const places = state.gaps?.places ?? [];
  return places.map((place, at) => ({ colour: pointMap(at), points: corners(place.low_mm, place.high_mm), edges: boxEdges(), size: 0, width: line / 2 }));
}

function pointMarkers(node, line) {
  const places = state.gaps?.places ?? [];
  return state.points.map((point, at) => ({ colour: pointMap(at), points: [places[at]?.centre_mm ?? point], edges: [], size: node, width: line }));
}

function routeMarkers(node, line) {
  if (!state.gaps) return [];
  const { places, routes } = state.gaps, { stops_mm: stops, radii_mm: radii } = routes[state.task];
  const steps = places.slice(1).map((_, at) => [at, at + 1]), last = stops.length - 1;
  const at = state.chosen > 0 && state.chosen <= last ? state.chosen : last; // one sphere: several would hide the scan
  const bars = radii ? errorSphere("predicted", stops[at], radii[at], unsureStop(at), line / 3) : [];
  return [
    { colour: "true", points: places.map((place) => place.centre_mm), edges: steps, size: 0, width: line },
    { colour: "predicted", points: stops, edges: steps, size: node * 0.7, width: line },
    { colour: "missed", points: [places[last].centre_mm, stops[last]], edges: [[0, 1]], size: 0, width: line },
    ...bars,
  ];
}

// The error bar is longer than the way there: not even the direction is known.
function unsureStop(at) {
  const { stops_mm: stops, radii_mm: radii } = state.gaps.routes[state.task];
  return radii[at] > Math.hypot(...minus(stops[at], stops[0]));
}

function sameMarkers(same, node, line) {
  const place = { colour: pointMap(state.chosen), name: "same", points: [same.place_mm], edges: [], size: node, width: line };
  const bar = same.expect_mm === null ? [] : errorSphere("predicted", same.place_mm, same.expect_mm, same.unsure.length > 0, line / 3);
  return [place, ...bar];
}
