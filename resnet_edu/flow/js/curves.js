// Curves over the steps with a cursor: the loss, and the traces of pinned units.

import { heightOf, pathOf, spread, stepTicks, topOfCharts, yAxis } from "./axes.js";
import { onDrag, s, set, typeOf } from "./dom.js";
import { clamp, whole } from "./numbers.js";

const PAD = { right: 14, bottom: 22 };

export class Curves {
  /** `seek(step)` is called when the chart is pressed or dragged. */
  constructor(cls, seek) {
    this.svg = s("svg", { class: `curves ${cls}`, role: "img" });
    const fraction = (x) => clamp((x - this.left) / (this.width - this.left - PAD.right), 0, 1);
    onDrag(this.svg, fraction, (share) => seek(this.from + share * (this.to - this.from)));
  }

  /** Lines are [{ cls, steps, values, end }], where `end` is a letter at the last point. */
  draw(width, height, { title, axis, from = 0, to, lines, xs = null, xTitle = "step", points = false }) {
    this.left = typeOf(this.svg) > 17 ? 62 : 46;
    const box = { top: topOfCharts(this.svg), bottom: height - PAD.bottom, x0: this.left, x1: width - PAD.right };
    Object.assign(this, { width, height, axis, from, to, box, lines });
    set(this.svg, { width, height, viewBox: `0 0 ${width} ${height}` });
    this.svg.replaceChildren(
      s("text", { class: "title", x: 4, y: 15 }, title),
      yAxis(axis, { x: this.left - 6, x0: box.x0, x1: box.x1, top: box.top, bottom: box.bottom }),
      ...this.xAxis(xs ?? stepTicks(to, width - this.left - PAD.right), xTitle),
      ...lines.map((line) => s("path", { class: `line ${line.cls}`, d: this.path(line) })),
      ...(points ? lines.flatMap((line) => this.points(line)) : []),
      ...this.letters(lines),
      (this.cursor = s("line", { class: "cursor", y1: box.top, y2: box.bottom })),
      (this.dots = s("g", { class: "dots", "aria-hidden": "true" })),
    );
  }

  xAxis(ticks, xTitle) {
    const y = this.height - 6;
    return [
      ...ticks.map((tick, i) => {
        const x = this.x(tick);
        const anchor = i === 0 ? "start" : x > this.box.x1 - 16 ? "end" : "middle";
        return s("text", { class: "axis", x, y, "text-anchor": anchor }, i === 0 ? `${xTitle} ${whole(tick)}` : whole(tick));
      }),
      s("line", { class: "base", x1: this.box.x0, x2: this.box.x1, y1: this.box.bottom, y2: this.box.bottom }),
    ];
  }

  x(step) {
    return this.box.x0 + ((step - this.from) / Math.max(1e-9, this.to - this.from)) * (this.box.x1 - this.box.x0);
  }

  y(value) {
    return heightOf(this.axis, value, this.box.top, this.box.bottom);
  }

  path({ steps, values }) {
    return pathOf(steps.map((step) => this.x(step)), values.map((value) => this.y(value)));
  }

  points({ cls, steps, values }) {
    return steps.map((step, i) => ({ cx: this.x(step), cy: this.y(values[i]) })).filter(({ cy }) => cy !== null)
      .map((at) => s("circle", { class: `dot small ${cls}`, ...at, r: 3 }));
  }

  /** Each line's letter where the line ends, one below another where they would meet. */
  letters(lines) {
    const named = lines.filter(({ end, values }) => end && values.length && this.y(values.at(-1)) !== null);
    const ys = spread(named.map(({ values }) => this.y(values.at(-1)) + 4), 13, this.box.top + 8, this.box.bottom + 4);
    return named.map(({ end, cls, steps }, i) => s("text", { class: `letter ${cls}`, x: this.x(steps.at(-1)) + 3, y: ys[i] }, end));
  }

  /** Moves the cursor; `values` are the lines' values there. */
  paint(step, values) {
    const x = this.x(clamp(step, this.from, this.to)).toFixed(1);
    set(this.cursor, { x1: x, x2: x });
    while (this.dots.childNodes.length < values.length) this.dots.append(s("circle", { r: 4.5 }));
    values.forEach((value, i) => {
      const y = this.y(value);
      const at = y === null ? { visibility: "hidden" } : { visibility: "visible", cx: x, cy: y.toFixed(1) };
      set(this.dots.childNodes[i], { class: `dot ${this.lines[i]?.cls ?? ""}`, ...at });
    });
  }

  describe(text) {
    set(this.svg, { "aria-label": text });
  }
}
