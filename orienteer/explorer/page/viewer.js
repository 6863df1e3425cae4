// Draws scans, heat maps, views and routes with NiiVue.
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

function constantMap(colour) {
  const [r, g, b] = rgb(colour);
  return { R: [r, r], G: [g, g], B: [b, b], A: [255, 255], I: [0, 255] };
}

function heatMap() {
  const stops = ["#0072B2", "#0072B2", "#56B4E9", "#FFFFFF", "#E69F00", "#D55E00"].map(rgb);
  const column = (at) => stops.map((stop) => stop[at]);
  // Entry 0 is transparent: values below -1, that is, air.
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
    this.nv.onLocationChange = () => this.showLocation();
    // One answer triggers several redraws: one per frame is enough.
    const draw = this.nv.drawScene.bind(this.nv);
    let scheduled = false;
    this.nv.drawScene = () => {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(() => {
        scheduled = false;
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
    this.nv.opts.multiplanarLayout = state.about.scans.second ? 0 : 2; // one scan: in a row; two scans: two by two
    this.nv.scene.renderAzimuth = 160;
    this.nv.scene.renderElevation = 10;
    this.show3d();
    this.listen();
    this.showLocation();
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
      setTimeout(() => addPoint(this.crosshair()), 0); // after NiiVue has moved the crosshair
    });
    // Captured before NiiVue's own key bindings, which are letters.
    this.canvas.parentElement.addEventListener("keydown", (event) => this.key(event), true);
  }

  overSlice(event) {
    const ratio = this.canvas.width / this.canvas.clientWidth;
    return this.nv.inRenderTile(event.offsetX * ratio, event.offsetY * ratio) < 0;
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.key === "Tab") return;
    // Radiological convention: the right of the body is on the left of the picture.
    const moves = { ArrowLeft: [1, 0, 0], ArrowRight: [-1, 0, 0], ArrowUp: [0, 0, 1], ArrowDown: [0, 0, -1], PageUp: [0, 1, 0], PageDown: [0, -1, 0] };
    const move = moves[event.key];
    if (move) {
      const far = event.shiftKey ? 5 : 1;
      this.nv.moveCrosshairInVox(...move.map((step) => step * far));
      this.showLocation();
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
    this.showLocation();
  }

  showLocation() {
    const point = this.crosshair();
    let text = `crosshair ${mm(point)} mm`;
    const similarity = this.valueAt(point);
    if (similarity !== null) text += `, similarity ${similarity.toFixed(2)}`;
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
    // Set together: NiiVue's addMesh and removeMesh would upload the scan again for each mesh.
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
      const name = "similarity.nii";
      this.heat = await this.nv.addVolumeFromUrl({ url: name, name, buffer: heat.buffer.slice(0), colormap: "heat", opacity, cal_min: -1, cal_max: 1 });
      this.heat.colormapType = 0;
    } else if (heat) {
      this.heat.img.set(heat.values);
    }
    if (this.heat !== null) {
      this.heat.cal_min = -1;
      this.heat.cal_max = 1;
      this.heat.opacity = opacity;
      this.nv.refreshLayers(this.heat, 1); // only the overlay is uploaded again
      this.nv.drawScene();
    }
    this.showLocation();
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
