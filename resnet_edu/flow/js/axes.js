// Axes and lines of the charts: decades, ticks, paths with gaps.

import { isNumber, power } from "./numbers.js";
import { share } from "./model.js";
import { s, typeOf } from "./dom.js";

/** Values worth a tick: at most about `most` of an axis' decades, or fifths when it is linear. */
function ticksOf(axis, most) {
  if (!axis.log) {
    const every = [0.2, 0.5, 1, 2, 5, 10, 20, 25, 50].find((n) => (axis.high - axis.low) / n <= most) ?? 100;
    const first = Math.ceil(axis.low / every - 1e-9);
    const count = Math.floor(axis.high / every + 1e-9) - first + 1;
    return Array.from({ length: count }, (_, i) => {
      const value = Number(((first + i) * every).toFixed(1));
      return { value, text: String(value).replace("-", "−") };
    });
  }
  const every = Math.max(1, Math.ceil((axis.high - axis.low) / most));
  const all = Array.from({ length: axis.high - axis.low + 1 }, (_, i) => axis.low + i);
  return all.filter((n) => n % every === 0).map((n) => ({ value: 10 ** n, text: power(n) }));
}

/** Where a chart begins below its title, in pixels. */
export const topOfCharts = (svg) => (typeOf(svg) > 17 ? 34 : 26);

/** Round numbers of steps along 0 … `steps`, so that labels have `room` pixels each. */
export function stepTicks(steps, width, room = 74) {
  if (!steps) return [0];
  const most = Math.max(1, Math.floor(width / room));
  const unit = 10 ** Math.floor(Math.log10(steps));
  const every = [0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10].map((n) => n * unit).find((n) => n >= 1 && steps / n <= most) ?? steps;
  return Array.from({ length: Math.floor(steps / every + 1e-9) + 1 }, (_, i) => Math.round(i * every));
}

/** An SVG path through points; a point without a place breaks the line. */
export function pathOf(xs, ys) {
  let path = "";
  let pen = "M";
  for (let i = 0; i < xs.length; i++) {
    if (!isNumber(ys[i]) || !isNumber(xs[i])) {
      pen = "M";
      continue;
    }
    path += `${pen}${xs[i].toFixed(1)},${ys[i].toFixed(1)}`;
    pen = "L";
  }
  return path;
}

/** The y of a value in a box from `top` to `bottom`. */
export function heightOf(axis, value, top, bottom) {
  const place = share(axis, value);
  return place === null ? null : bottom - place * (bottom - top);
}

/** Grid lines and labels of a y axis: labels end at `x`, lines go from `x0` to `x1`. */
export function yAxis(axis, { x, x0, x1, top, bottom }) {
  const ticks = ticksOf(axis, Math.max(2, Math.floor((bottom - top) / 24)));
  return s("g", { class: "axis", "aria-hidden": "true" }, ...ticks.flatMap(({ value, text }) => {
    const y = heightOf(axis, value, top, bottom);
    return [
      s("line", { class: "grid", x1: x0, x2: x1, y1: y, y2: y }),
      s("text", { x, y: y + 4.5, "text-anchor": "end" }, text),
    ];
  }));
}

/** Positions near `wanted`, in the same order, at least `gap` apart and within low … high. */
export function spread(wanted, gap, low, high) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const places = [...wanted];
  let floor = low;
  for (const i of order) floor = (places[i] = Math.max(places[i], floor)) + gap;
  let ceiling = high;
  for (const i of order.reverse()) ceiling = (places[i] = Math.min(places[i], ceiling)) - gap;
  return places;
}
