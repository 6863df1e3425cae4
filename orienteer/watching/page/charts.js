// Charts as SVG: axes with round numbers, and lines, bands and marks on them. Colours are those of the page's style.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 46, right: 10, top: 8, bottom: 34 };

function drawn(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const known = (values) => values.filter((value) => value !== null && value !== undefined && Number.isFinite(value));

// Returns [low, high] around values, a twentieth wider, and never empty.
function rangeOf(values, { from = null, to = null } = {}) {
  const numbers = known(values);
  let low = from ?? Math.min(...numbers), high = to ?? Math.max(...numbers);
  if (!numbers.length && (from === null || to === null)) return [from ?? 0, to ?? (from ?? 0) + 1];
  if (high <= low) [low, high] = [low - (from === null ? 1 : 0), low + 1];
  const wider = 0.05 * (high - low);
  return [from ?? low - wider, to ?? high + wider];
}

// Returns round numbers in a range, about as many as asked for.
function ticksOf([low, high], count) {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) ticks.push(Math.abs(at) < step / 1e6 ? 0 : at);
  return { ticks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

// Draws a chart into a figure. `x` and `y` are { title, range, flipped }; `marks` are made by the functions below. With
// `square`, a mm has the same length on both axes.
function drawChart(figure, { label, x, y, marks, height = 190, square = false }) {
  const width = Math.max(200, figure.clientWidth - 22);
  const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const ranges = square ? sameLength(x.range, y.range, inner) : [x.range, y.range];
  const along = ([low, high], size, flipped) => (value) => (flipped ? high - value : value - low) / (high - low) * size;
  const toX = along(ranges[0], inner.width, x.flipped), up = along(ranges[1], inner.height, y.flipped);
  const at = { x: (value) => MARGIN.left + toX(value), y: (value) => MARGIN.top + inner.height - up(value), ranges };
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label });
  svg.append(...axesOf(at, inner, width, height, x, y));
  const clip = `clip-${figure.id}`;
  svg.append(drawn("clipPath", { id: clip }, drawn("rect", { x: MARGIN.left - 4, y: MARGIN.top - 4, width: inner.width + 8, height: inner.height + 8 })));
  svg.append(drawn("g", { "clip-path": `url(#${clip})` }, ...marks.flatMap((mark) => mark(at))));
  figure.querySelector("svg.chart")?.remove();
  svg.classList.add("chart");
  figure.append(svg);
}

function sameLength(xRange, yRange, inner) {
  const spans = [xRange, yRange].map(([low, high]) => high - low);
  const mm = Math.max(spans[0] / inner.width, spans[1] / inner.height);
  return [[xRange, inner.width], [yRange, inner.height]].map(([[low, high], size]) => {
    const middle = (low + high) / 2;
    return [middle - mm * size / 2, middle + mm * size / 2];
  });
}

function axesOf(at, inner, width, height, x, y) {
  const parts = [], bottom = MARGIN.top + inner.height;
  const across = ticksOf(at.ranges[0], Math.max(3, inner.width / 60)), upwards = ticksOf(at.ranges[1], 4);
  for (const value of upwards.ticks) {
    parts.push(drawn("line", { class: "grid", x1: MARGIN.left, x2: MARGIN.left + inner.width, y1: at.y(value), y2: at.y(value) }));
    parts.push(drawn("text", { x: MARGIN.left - 5, y: at.y(value) + 4, "text-anchor": "end" }, plain(value, upwards.digits)));
  }
  for (const value of across.ticks) {
    parts.push(drawn("line", { class: "axis", x1: at.x(value), x2: at.x(value), y1: bottom, y2: bottom + 4 }));
    parts.push(drawn("text", { x: at.x(value), y: bottom + 15, "text-anchor": "middle" }, plain(value, across.digits)));
  }
  parts.push(drawn("line", { class: "axis", x1: MARGIN.left, x2: MARGIN.left + inner.width, y1: bottom, y2: bottom }));
  parts.push(drawn("text", { x: MARGIN.left + inner.width / 2, y: height - 4, "text-anchor": "middle" }, x.title));
  const middle = MARGIN.top + inner.height / 2;
  if (y.title) parts.push(drawn("text", { x: 10, y: middle, "text-anchor": "middle", transform: `rotate(-90 10 ${middle})` }, y.title));
  return parts;
}

// The path through points; a value that is missing interrupts it.
function pathOf(at, xs, ys) {
  let path = "", open = false;
  xs.forEach((value, number) => {
    const missing = ys[number] === null || value === null;
    if (!missing) path += `${open ? "L" : "M"}${at.x(value).toFixed(1)} ${at.y(ys[number]).toFixed(1)}`;
    open = !missing;
  });
  return path;
}

const line = (xs, ys, style) => (at) => [drawn("path", { d: pathOf(at, xs, ys), fill: "none", "stroke-width": 1.8, ...style })];
const level = (value, style) => (at) => (value === null ? [] : [drawn("line", {
  x1: at.x(at.ranges[0][0]), x2: at.x(at.ranges[0][1]), y1: at.y(value), y2: at.y(value), "stroke-width": 1.6, ...style })]);
const band = (xs, low, high, style) => (at) => {
  const back = pathOf(at, [...xs].reverse(), [...high].reverse()).replace(/^M/, "L");
  return [drawn("path", { d: `${pathOf(at, xs, low)}${back}Z`, stroke: "none", ...style })];
};
const dots = (xs, ys, style, shape = "circle", size = 3) => (at) => xs.flatMap((value, number) => (
  ys[number] === null || value === null ? [] : [shapeAt(shape, at.x(value), at.y(ys[number]), size, style)]));
const segment = (from, to, style) => (at) => [drawn("line", { x1: at.x(from[0]), y1: at.y(from[1]), x2: at.x(to[0]), y2: at.y(to[1]), "stroke-width": 1.8, ...style })];
const box = ([cx, cy], [width, height], style) => (at) => {
  const [x0, x1] = [at.x(cx - width / 2), at.x(cx + width / 2)], [y0, y1] = [at.y(cy - height / 2), at.y(cy + height / 2)];
  return [drawn("rect", { x: Math.min(x0, x1), y: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0), fill: "none", ...style })];
};
const words = ([x, y], text) => (at) => [drawn("text", { class: "number", x: at.x(x) + 7, y: at.y(y) - 6 }, text)];

function shapeAt(shape, x, y, size, style) {
  if (shape === "square") return drawn("rect", { x: x - size, y: y - size, width: 2 * size, height: 2 * size, ...style });
  if (shape === "triangle") return drawn("path", { d: `M${x} ${y - 1.3 * size}L${x + 1.2 * size} ${y + size}L${x - 1.2 * size} ${y + size}Z`, ...style });
  return drawn("circle", { cx: x, cy: y, r: size, ...style });
}

// One entry of a legend: a short line or a mark as it is drawn, and what it is.
function legendItem(text, { style = {}, shape = null }) {
  const sign = shape ? shapeAt(shape, 11, 5, 3.6, style) : drawn("line", { x1: 0, x2: 22, y1: 5, y2: 5, "stroke-width": 2, ...style });
  return made("li", {}, drawn("svg", { viewBox: "0 0 22 10", "aria-hidden": "true" }, sign), text);
}

function captioned(figure, title, value, items) {
  let caption = figure.querySelector("figcaption");
  if (!caption) figure.prepend(caption = made("figcaption"));
  const head = made("span", { textContent: title });
  caption.replaceChildren(head, ...(value ? [": ", made("strong", { textContent: value })] : []),
    made("ul", { className: "legend" }, ...items.map(([text, sign]) => legendItem(text, sign))));
}
