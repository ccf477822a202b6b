// The profile along the layers, below the nets and in line with them; its y axis is the colour scale.

import { heightOf, pathOf, spread, topOfCharts, yAxis } from "./axes.js";
import { STOP_COLOURS } from "./colour.js";
import { s, say, set, typeOf } from "./dom.js";

const BOTTOM = 24;

export class Profile {
  constructor(heard) {
    this.heard = heard;
    this.svg = s("svg", { class: "profile", role: "img" });
    this.scale = `flow-scale-${Math.random().toString(36).slice(2)}`;
    this.svg.addEventListener("pointermove", (event) => event.pointerType !== "touch" && this.heard.near(event.offsetX));
    this.svg.addEventListener("pointerleave", () => this.heard.leave());
    this.svg.addEventListener("click", (event) => this.heard.near(event.offsetX));
  }

  /** Axis, grid and empty lines. `layouts` are the nets' above; `legend` is [{ cls, text }]. */
  draw(width, height, { axis, title, layouts, lines, rule, ends }) {
    const { left } = layouts[0];
    const box = { top: topOfCharts(this.svg), bottom: height - BOTTOM, x0: left - 22, x1: width - 42 };
    Object.assign(this, { width, height, axis, box, layouts, legend: "" });
    set(this.svg, { width, height, viewBox: `0 0 ${width} ${height}` });
    const marks = s("g", { class: "marks" });
    this.paths = lines.map(({ cls }) => s("path", { class: `line ${cls}` }));
    this.key = s("g", { class: "key", "aria-hidden": "true" });
    this.svg.replaceChildren(
      this.colourBar(box),
      s("text", { class: "title", x: 4, y: 15 }, title),
      yAxis(axis, { x: left - 35, x0: box.x0, x1: box.x1, top: box.top, bottom: box.bottom }),
      ...(rule ? [s("line", { class: "rule", x1: box.x0, x2: box.x1, y1: this.ruleY(rule), y2: this.ruleY(rule) })] : []),
      ...this.stageLines(),
      s("text", { class: "end", x: box.x0, y: height - 6 }, ends[0]),
      s("text", { class: "end", x: box.x1, y: height - 6, "text-anchor": "end" }, width < 420 ? ends[1].replace("the gradient starts at", "from") : ends[1]),
      (this.ghosts = s("g", { class: "ghosts", "aria-hidden": "true" })),
      ...this.paths,
      ...(rule ? [s("text", { class: "rule-text", x: box.x1 - 4, y: this.ruleY(rule) - 5, "text-anchor": "end" }, rule.text)] : []),
      (this.overlay = s("g", { class: "overlay", "aria-hidden": "true" })),
      marks,
      (this.cursor = s("line", { class: "cursor", y1: box.top, y2: box.bottom, visibility: "hidden" })),
      (this.dots = s("g", { class: "dots", "aria-hidden": "true" })),
      this.key,
    );
    this.drawKey(lines);
  }

  colourBar({ top, bottom, x0 }) {
    const stops = STOP_COLOURS.map(([offset, colour]) => s("stop", { offset, "stop-color": colour }));
    return s("g", { "aria-hidden": "true" },
      s("linearGradient", { id: this.scale, x1: 0, x2: 0, y1: 1, y2: 0 }, ...stops),
      s("rect", { class: "bar", x: x0 - 9, y: top, width: 8, height: bottom - top, fill: `url(#${this.scale})` }));
  }

  ruleY({ value }) {
    return heightOf(this.axis, value, this.box.top, this.box.bottom);
  }

  /** A dotted line where the first net's maps shrink. */
  stageLines() {
    const { items } = this.layouts[0];
    const { top, bottom } = this.box;
    const starts = items.filter((item, i) => item.from > 0 && item.block && items[i - 1].block && item.block.stage !== items[i - 1].block.stage);
    return starts.map(({ x0 }) => s("line", { class: "stage", x1: x0, x2: x0, y1: top, y2: bottom }));
  }

  drawKey(lines) {
    let x = this.box.x1;
    const letter = 0.6 * typeOf(this.svg);
    const parts = lines.filter(({ text }) => text).reverse().flatMap(({ cls, text }) => {
      x -= text.length * letter + 46;
      return [s("line", { class: `line ${cls}`, x1: x, x2: x + 30, y1: 11, y2: 11 }), s("text", { x: x + 36, y: 15.5 }, text)];
    });
    const title = this.svg.querySelector(".title").getComputedTextLength();
    this.key.replaceChildren(...(title + 20 < x ? parts : [])); // the nets above have their names
  }

  xsOf({ net, per }) {
    return per === "unit" ? this.layouts[net].unitX : this.layouts[net].layerX;
  }

  place(line) {
    const { top, bottom } = this.box;
    return pathOf(this.xsOf(line), (line.values ?? []).map((value) => heightOf(this.axis, value, top, bottom)));
  }

  /** The lines' values for a frame, in the order of `draw`. */
  paint(lines) {
    lines.forEach((line, i) => set(this.paths[i], { d: this.place(line) || null }));
  }

  /** Thin lines behind: [{ net, per, values, cls }]. */
  drawGhosts(lines) {
    this.ghosts.replaceChildren(...lines.map((line) => s("path", { class: `ghost ${line.cls}`, d: this.place(line) })));
  }

  /** Thin labelled lines in front, drawn from formulas. */
  drawOverlay(lines) {
    const { top, bottom, x1 } = this.box;
    const at = lines.map((line) => Math.floor(this.xsOf(line).length * line.labelAt));
    const heights = lines.map((line, k) => (heightOf(this.axis, line.values[at[k]], top, bottom) ?? bottom) - 7);
    const ys = spread(heights, 18, top + 12, bottom - 6);
    this.overlay.replaceChildren(...lines.flatMap((line, k) => [
      s("path", { class: `formula ${line.cls}`, d: this.place(line) }),
      s("text", { class: `formula-text ${line.cls}`, x: Math.min(this.xsOf(line)[at[k]], x1 - 130), y: ys[k] }, line.label),
    ]));
  }

  /** A vertical line at what is read, and each line's point there. */
  mark(x, lines, position) {
    const on = x !== null && x !== undefined;
    set(this.cursor, { visibility: on ? "visible" : "hidden", x1: on ? x : 0, x2: on ? x : 0 });
    const { top, bottom } = this.box;
    this.dots.replaceChildren(...(on ? lines : []).flatMap((line) =>
      position(line).map((i) => ({ cx: this.xsOf(line)[i], cy: heightOf(this.axis, line.values?.[i], top, bottom) }))
        .filter(({ cx, cy }) => cx !== undefined && cy !== null)
        .map((at) => s("circle", { class: `dot ${line.cls}`, ...at, r: 4.5 }))));
  }

  describe(text) {
    set(this.svg, { "aria-label": text });
  }

  retitle(text) {
    say(this.svg.querySelector(".title"), text);
  }
}
