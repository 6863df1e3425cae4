// One scan on one canvas, drawn by NiiVue.
"use strict";

const WINDOWING = 9; // NiiVue's drag mode that changes the window

class Viewer {
  constructor(which) {
    this.which = which;
    this.canvas = byId(which);
    this.overlay = null; // a promise of the layer, once there is one
    this.nv = new niivue.Niivue({
      backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.6], crosshairWidth: 0.8, crosshairWidthUnit: "mm", dragMode: WINDOWING,
      dragAndDropEnabled: false, isRadiologicalConvention: true, isColorbar: false, meshThicknessOn2D: Infinity, meshXRay: 0.7,
      renderOverlayBlend: 0, isOrientCube: true, showLegend: false, textHeight: 0.05, logLevel: "silent", loadingText: "",
      rulerWidth: 2, rulerColor: [1, 1, 0.2, 1], measureLineColor: [1, 1, 0.2, 1], measureTextColor: [1, 1, 0.2, 1],
    });
    this.nv.onLocationChange = () => this.moved();
    this.paint = this.nv.drawScene.bind(this.nv);
    this.paintOncePerFrame();
    this.keepWindowOnDoubleClick();
  }

  // One answer triggers several redraws: one per frame is enough.
  paintOncePerFrame() {
    let scheduled = false;
    this.once = () => {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(() => {
        scheduled = false;
        this.paint();
        showScaleBar(this);
        showWindow(this);
        keepLineWidth(this);
      });
    };
    this.nv.drawScene = this.once;
  }

  // NiiVue resets the window on a double click or a long touch. Only in 3D, where they choose a place, are they wanted.
  keepWindowOnDoubleClick() {
    const reset = this.nv.resetBriCon.bind(this.nv);
    this.nv.resetBriCon = (event) => {
      const at = event?.targetTouches ? event.targetTouches[0] : event;
      if (!at || !this.overRender(at)) return;
      this.nv.drawScene = this.paint; // it draws twice to find the depth
      reset(event);
      this.nv.drawScene = this.once;
    };
  }

  async open(buffer, name) {
    await this.nv.attachToCanvas(this.canvas);
    this.shader = this.nv.setCustomMeshShader(PLAIN, "Plain");
    for (const [key, colour] of Object.entries(markerColours())) this.nv.addColormap(key, constantMap(colour));
    await this.nv.addVolumeFromUrl({ url: name, name, buffer, colormap: "gray", opacity: 1 });
    this.volume = this.nv.volumes[0];
    this.nv.scene.renderAzimuth = 160;
    this.nv.scene.renderElevation = 10;
    applyLayout(this);
    listen(this);
    this.last = this.crosshair();
    this.showLocation();
  }

  canvasPosition({ clientX, clientY }) {
    const box = this.canvas.getBoundingClientRect(), ratio = this.canvas.width / this.canvas.clientWidth;
    return [(clientX - box.left) * ratio, (clientY - box.top) * ratio];
  }

  overRender(event) {
    return this.nv.inRenderTile(...this.canvasPosition(event)) >= 0;
  }

  // The position in mm under a pointer, or null beside the slices.
  placeAt(event) {
    const [x, y] = this.canvasPosition(event);
    for (const [at, slice] of this.nv.screenSlices.entries()) {
      if (slice.axCorSag > 2) continue;
      const share = this.nv.screenXY2TextureFrac(x, y, at, true);
      if (share[0] >= 0) return Array.from(this.nv.frac2mm(share)).slice(0, 3);
    }
    return null;
  }

  crosshair() {
    return Array.from(this.nv.frac2mm(this.nv.scene.crosshairPos)).slice(0, 3);
  }

  lookAt(point) {
    this.nv.scene.crosshairPos = this.nv.mm2frac(point);
    this.last = this.crosshair();
    this.nv.drawScene();
    this.showLocation();
  }

  // The person moved the crosshair here: the other scan follows by the same way.
  moved() {
    const here = this.crosshair();
    if (this.last) scrollOther(this, minus(here, this.last));
    this.last = here;
    this.showLocation();
  }

  showLocation() {
    const point = this.crosshair();
    byId(`${this.which}-crosshair`).textContent = `crosshair ${sides(point)} mm${describePlace(this, point)}`;
    if (this.which === "first") showEntry(point);
  }

  // The value of the scan at a position, or null outside.
  valueAt(point) {
    const { hdr, img } = this.volume, size = hdr.dims.slice(1, 4);
    const at = point.map((value, axis) => Math.round((value - hdr.affine[axis][3]) / hdr.affine[axis][axis]));
    if (at.some((value, axis) => value < 0 || value >= size[axis])) return null;
    return img[at[0] + size[0] * (at[1] + size[1] * at[2])] * hdr.scl_slope + hdr.scl_inter;
  }

  // meshes: [{ colour: name of a colormap, name, points, edges: [[i, j]], size, width, opacity }]
  draw(meshes) {
    // Set together: NiiVue's addMesh and removeMesh would upload the scan again for each mesh.
    for (const mesh of this.nv.meshes) mesh.unloadMesh(this.nv.gl);
    this.nv.meshes = meshes.map(({ colour, name, points, edges, size, width, opacity = 1 }) => {
      const nodes = points.map(([x, y, z], at) => ({ name: String(at + 1), x, y, z, colorValue: 1, sizeValue: size }));
      const lines = edges.map(([first, second]) => ({ first, second, colorValue: 1 }));
      const mesh = this.nv.loadConnectomeAsMesh({
        name: name ?? colour, nodeColormap: colour, nodeMinColor: 0, nodeMaxColor: 1, nodeScale: 1,
        edgeColormap: colour, edgeMin: 0, edgeMax: 1, edgeScale: width, legendLineThickness: 0, showLegend: false, nodes, edges: lines,
      });
      mesh.updateMesh(this.nv.gl);
      mesh.meshShaderIndex = this.shader;
      mesh.opacity = opacity;
      return mesh;
    });
    this.nv.drawScene();
  }
}
