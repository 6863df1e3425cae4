// Two scans that scroll together: each follows the other's crosshair by the same way in mm, from wherever both are.
"use strict";

function scrollOther(viewer, way) {
  const other = state.viewers[viewer.which === "first" ? "second" : "first"];
  if (!other?.last || !byId("link").checked || Math.hypot(...way) === 0) return;
  const [low, high] = state.scans[other.which].bounds_mm;
  other.lookAt(other.crosshair().map((value, axis) => Math.min(high[axis], Math.max(low[axis], value + way[axis]))));
}
