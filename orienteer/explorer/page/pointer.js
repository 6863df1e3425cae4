// Mouse, pen and touch on a scan: a press that stays adds a point, and the values under the pointer are shown.
"use strict";

const SLOP_PX = { mouse: 4, pen: 6, touch: 14 }; // a press that moves further is a drag
const LONG_MS = 800; // a longer touch is none

function listen(viewer) {
  const pressed = new Map(); // pointer -> where and when it went down
  let several = false; // two fingers pinch
  const { canvas } = viewer;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    if (pressed.size === 0) several = false;
    pressed.set(event.pointerId, event);
    several ||= pressed.size > 1;
  });
  canvas.addEventListener("pointerup", (event) => {
    const from = pressed.get(event.pointerId);
    pressed.delete(event.pointerId);
    if (from && !several && isTap(from, event)) tapped(viewer, event);
  });
  canvas.addEventListener("pointercancel", (event) => pressed.delete(event.pointerId));
  canvas.addEventListener("pointermove", (event) => showUnder(viewer, event));
  canvas.addEventListener("pointerleave", () => showUnder(viewer, null));
  // Captured before NiiVue's own key bindings, which are letters.
  canvas.parentElement.addEventListener("keydown", (event) => scanKey(viewer, event), true);
}

function isTap(from, to) {
  const still = Math.hypot(to.clientX - from.clientX, to.clientY - from.clientY) <= (SLOP_PX[to.pointerType] ?? SLOP_PX.mouse);
  return still && (to.pointerType !== "touch" || to.timeStamp - from.timeStamp < LONG_MS);
}

// Beside the slices and in 3D a press adds nothing.
function tapped(viewer, event) {
  const place = viewer.placeAt(event);
  if (!place || measuring()) return;
  if (viewer.which === "first") setTimeout(() => addPoint(place), 0); // after NiiVue has moved the crosshair
}
