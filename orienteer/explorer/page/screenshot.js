// A picture of the scans as they are drawn, with names, windows, crosshairs and scale bars.
"use strict";

const CAPTION_PX = 44;

function drawCaption(context, viewer, top, width, ratio) {
  const { which } = viewer;
  context.fillStyle = "#000";
  context.fillRect(0, top, width, CAPTION_PX * ratio);
  context.fillStyle = "#fff";
  context.font = `${13 * ratio}px system-ui, sans-serif`;
  context.fillText(`${byId(`${which}-name`).textContent} · ${byId(`${which}-window`).textContent}`, 8 * ratio, top + 17 * ratio, width - 16 * ratio);
  context.fillText(byId(`${which}-crosshair`).textContent, 8 * ratio, top + 36 * ratio, width - 16 * ratio);
}

function drawBar(context, viewer, top, ratio) {
  const bar = byId("scale-bar").checked ? scaleBar(viewer) : null;
  if (!bar) return;
  context.fillStyle = "#fff";
  context.fillRect(bar.left * ratio, top + bar.top * ratio, bar.width * ratio, 3 * ratio);
  context.font = `${11 * ratio}px system-ui, sans-serif`;
  context.fillText(bar.text, bar.left * ratio, top + (bar.top - 3) * ratio);
}

function screenshotCanvas() {
  const viewers = Object.values(state.viewers), ratio = viewers[0].canvas.width / viewers[0].canvas.clientWidth, caption = CAPTION_PX * ratio;
  const width = Math.max(...viewers.map(({ canvas }) => canvas.width));
  const picture = made("canvas", { width, height: viewers.reduce((sum, { canvas }) => sum + canvas.height + caption, 0) });
  const context = picture.getContext("2d");
  let top = 0;
  for (const viewer of viewers) {
    drawCaption(context, viewer, top, width, ratio);
    viewer.paint(); // a WebGL canvas holds its picture only until the end of the task that drew it
    context.drawImage(viewer.canvas, 0, top + caption);
    drawBar(context, viewer, top + caption, ratio);
    top += viewer.canvas.height + caption;
  }
  return picture;
}

async function takeScreenshot() {
  if (!state.viewers.first) return;
  const blob = await new Promise((resolve) => screenshotCanvas().toBlob(resolve, "image/png"));
  download(`${baseName()}.png`, blob, "image/png");
}
