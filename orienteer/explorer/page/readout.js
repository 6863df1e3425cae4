// What is under the pointer and at the crosshair: position with side letters, value, and rank of similarity.
"use strict";

function describePlace(viewer, point) {
  const parts = [], value = viewer.volume ? viewer.valueAt(point) : null, rank = rankAt(viewer.which, point);
  if (value !== null) parts.push(`${plain(value, Math.abs(value) < 10 && unit(viewer) === "" ? 2 : 0)}${unit(viewer)}`);
  if (rank !== null && overlayMode() === "similar") parts.push(`most similar ${Math.max(1, Math.ceil(100 * rank - 1e-9))} %`);
  return parts.length ? ` · ${parts.join(" · ")}` : "";
}

const unit = (viewer) => (state.scans[viewer.which].modality === "CT" ? " HU" : "");

function showUnder(viewer, event) {
  const place = event && viewer.placeAt(event), line = byId(`${viewer.which}-under`);
  line.textContent = place ? `pointer ${sides(place)} mm${describePlace(viewer, place)}` : "";
}
