// One net, unit by unit: image left, loss right, shortcuts as arcs, the chosen quantity as colour.

import { shade } from "./colour.js";
import { s, say, set, typeOf } from "./dom.js";
import { addressOf, layoutOf, leftOf } from "./layout.js";
import { share } from "./model.js";
import { isNumber } from "./numbers.js";

const HEADER = 24;
const CAPTION = 17;
const ARC = 0.614; // a cubic arc's height over the box' corner, as a share of its control point's
const STRIPE = 2.5; // pixels of a layer in a folded part, at least

export class NetDrawing {
  /** `heard` has enter(block, item), leave(), press(block, item). */
  constructor(net, index, heard) {
    Object.assign(this, { net, index, heard });
    this.svg = s("svg", { class: `net ${net.look}`, role: "group" });
    this.hatch = `flow-lost-${Math.random().toString(36).slice(2)}`;
  }

  /** Draws everything anew, for a size and what is opened. */
  draw(width, height, open) {
    const type = typeOf(this.svg);
    this.layout = layoutOf(this.net, width, open, leftOf(type));
    this.letters = (width - 60) / (0.62 * type) - this.net.label.length; // room for figures
    const top = HEADER + 4;
    const bottom = height - CAPTION;
    const most = Math.max(16, Math.min(190, (bottom - top - 10) / 1.16));
    const middle = bottom - most / 2 - 3;
    this.place = { top, bottom, most, middle };
    set(this.svg, { width, height, viewBox: `0 0 ${width} ${height}`, "aria-label": this.summary() });
    this.cells = [];
    this.groups = [];
    this.marks = null;
    this.svg.replaceChildren(
      this.patterns(),
      ...this.header(width),
      s("line", { class: "trunk", x1: 30, x2: width - 34, y1: middle, y2: middle }),
      this.image(middle),
      this.lossNode(middle),
      ...this.layout.items.map((item) => this.item(item)),
      ...this.captions(),
      (this.marker = s("rect", { class: "marker", rx: 4, visibility: "hidden" })),
      (this.pinned = s("g", { class: "pins", "aria-hidden": "true" })),
    );
  }

  summary() {
    const arcs = this.net.kind === "plain" ? "no shortcuts" : "a shortcut around each";
    return `${this.net.label}: ${this.net.units.length} units from image to loss, ${arcs}`;
  }

  patterns() {
    const lines = s("path", { d: "M0,6L6,0", class: "hatch" });
    const size = { width: 6, height: 6, patternUnits: "userSpaceOnUse" };
    return s("defs", {}, s("pattern", { id: this.hatch, ...size }, lines));
  }

  header(width) {
    this.figures = s("text", { class: "figures", x: width - 4, y: 16, "text-anchor": "end" });
    return [
      s("line", { class: "sample", x1: 4, x2: 36, y1: 11, y2: 11 }),
      s("text", { class: "name", x: 44, y: 17 }, this.net.label),
      this.figures,
    ];
  }

  image(middle) {
    const x = this.layout.image - 13;
    const dots = [[0, 1], [0, 2], [1, 0], [1, 3], [2, 3], [3, 2], [3, 1], [2, 1]];
    const pixels = dots.map(([i, k]) => s("rect", { x: x + 3 + k * 5, y: middle - 10 + i * 5, width: 5, height: 5 }));
    const frame = s("rect", { class: "frame", x, y: middle - 13, width: 26, height: 26, rx: 3 });
    const text = s("text", { x: 2, y: this.below(middle) }, "image");
    return s("g", { class: "image", "aria-hidden": "true" }, frame, ...pixels, text);
  }

  lossNode(middle) {
    const x = this.layout.loss;
    const above = Math.max(24, 0.2 * this.place.most + 9); // the head is so high
    const arrow = `M${x - 16},${middle - above}h-30m6,-4l-6,4l6,4`;
    return s("g", { class: "loss-node", "aria-hidden": "true" },
      s("circle", { cx: x, cy: middle, r: 13 }),
      s("text", { class: "letter", x, y: middle + 5.5, "text-anchor": "middle" }, "ℒ"),
      s("text", { x: x + 17, y: this.below(middle), "text-anchor": "end" }, "loss"),
      s("path", { class: "back", d: arrow }));
  }

  /** Where a word is written below the image or the loss. */
  below(middle) {
    return Math.min(middle + 30, this.place.bottom + 13);
  }

  /** A stem, unit, head or folded part; it can be reached, read, pressed. */
  item(item) {
    const { top, bottom, middle } = this.place;
    const half = this.heightOf(item) / 2;
    const cells = this.cellsOf(item, middle - half, 2 * half);
    const group = s("g", {
      class: item.folded ? "unit folded" : "unit",
      role: "button",
      tabindex: "-1",
      "data-block": item.block?.name ?? null,
      "data-open": item.folded ? addressOf(item) : null,
      pointerenter: (event) => event.pointerType !== "touch" && this.heard.enter(item, this.index),
      focus: () => this.heard.enter(item, this.index),
      click: () => this.heard.press(item, this.index),
    });
    const hit = s("rect", { class: "hit", x: item.x0, y: top - 4, width: item.x1 - item.x0, height: bottom - top + 8 });
    group.append(hit, ...this.arc(item, half), ...cells.map((cell) => cell.element));
    group.append(s("rect", { class: "box", x: item.bx0, y: middle - half, width: item.bx1 - item.bx0, height: 2 * half, rx: 2.5 }));
    this.cells.push(...cells);
    this.groups.push({ group, item });
    return group;
  }

  /** Taller where the maps are larger, as they are drawn in papers. */
  heightOf(item) {
    const sides = this.net.units.map((unit) => unit.shape[1] ?? 1);
    const [low, high] = [Math.min(...sides), Math.max(...sides)];
    const side = item.from < 0 ? (item.from === -1 ? high : low) : (this.net.units[item.from].shape[1] ?? 1);
    const grown = high > low ? Math.log2(side / low) / Math.log2(high / low) : 1;
    return this.place.most * (item.from === -2 ? 0.4 : 0.52 + 0.48 * grown);
  }

  arc(item, half) {
    if (this.net.kind === "plain" || item.from < 0) return [];
    const { middle } = this.place;
    const reach = middle - (half + 5) / ARC;
    const [x0, x1] = [item.x0 + 0.5, item.x1 - 0.5];
    const parts = [s("path", { class: "arc", d: `M${x0},${middle}C${x0},${reach} ${x1},${reach} ${x1},${middle}` })];
    if (x1 - x0 > 15) parts.push(s("circle", { class: "plus", cx: x1 - 1, cy: middle, r: 3 }));
    return parts;
  }

  /** Coloured rectangles: one a layer; in a folded part as many as there is room for. */
  cellsOf(item, y, height) {
    const blocks = item.from < 0 ? [item.block] : this.net.units.slice(item.from, item.to);
    const layers = blocks.flatMap((block, i) => block.layers.map((layer) => ({ layer, unit: item.from < 0 ? null : item.from + i })));
    const wide = item.bx1 - item.bx0;
    const count = Math.max(1, Math.min(layers.length, item.folded ? Math.floor(wide / STRIPE) : layers.length));
    return Array.from({ length: count }, (_, i) => {
      const { layer, unit } = layers[Math.floor(((i + 0.5) / count) * layers.length)] ?? { layer: null, unit: null };
      const box = { x: item.bx0 + (wide * i) / count, y, width: wide / count + 0.3, height };
      return { element: s("rect", { class: "cell", ...box }), layer, unit, fill: "" };
    });
  }

  captions() {
    const y = this.place.bottom + 13;
    const spans = [];
    for (const item of this.layout.items.filter((each) => each.from >= 0)) {
      const unit = this.net.units[item.from];
      const last = spans.at(-1);
      if (item.folded) spans.push({ x0: item.x0, x1: item.x1, text: item.to - item.from > 1 ? `${item.from + 1}–${item.to}` : `${item.to}` });
      else if (last && last.stage === unit.stage) last.x1 = item.x1;
      else spans.push({ x0: item.x0, x1: item.x1, stage: unit.stage, text: unit.shape.join("×") });
    }
    return spans.filter(({ x0, x1, text }) => x1 - x0 > text.length * 7).map(({ x0, x1, text }) =>
      s("text", { class: "caption", x: (x0 + x1) / 2, y, "text-anchor": "middle" }, text));
  }

  /** Colours for a frame: `values` by layer or unit (`per`), on an axis. */
  paint({ values, per, axis }) {
    for (const cell of this.cells) {
      const position = cell[per];
      const value = values && position !== null ? values[position] : undefined;
      const place = share(axis, value);
      const fill = place !== null ? shade(place) : value === null ? `url(#${this.hatch})` : "";
      if (fill !== cell.fill) {
        cell.element.style.fill = fill;
        cell.fill = fill;
      }
    }
  }

  /** What a frame's colours say, for readers of the page and of its text; only while the player rests. */
  describe({ values, per, label, text }) {
    for (const { group, item } of this.groups) {
      const own = this.valuesOf(item, values, per);
      const name = item.folded ? `units ${item.from + 1} to ${item.to}` : this.nameOf(item);
      const said = own.length > 4 ? `${text(Math.min(...own.filter(isNumber)))} to ${text(Math.max(...own.filter(isNumber)))}` : own.map((value) => text(value)).join(" and ");
      const opens = item.folded ? ", folded: press to open" : "";
      set(group, {
        "aria-label": `${this.net.label}, ${name}, ${label}: ${said || "not measured here"}${opens}`,
        "data-values": item.folded ? null : JSON.stringify(own),
      });
    }
  }

  nameOf(item) {
    return item.from < 0 ? item.block.name : `unit ${item.from + 1}, ${item.block.name}`;
  }

  /** A block's values: of its layers, or its own. */
  valuesOf(item, values, per) {
    if (!values) return [];
    const blocks = item.from < 0 ? [item.block] : this.net.units.slice(item.from, item.to);
    if (per === "layer") return blocks.flatMap((block) => block.layers.map((layer) => values[layer]));
    return item.from < 0 ? [] : values.slice(item.from, item.to);
  }

  /** Outlines the part that is read, and marks the pinned ones with their letters. */
  mark(name, pins, letters) {
    const marks = `${name} ${pins} ${letters}`;
    if (marks === this.marks) return;
    this.marks = marks;
    const item = this.itemNamed(name);
    const { top, bottom, middle } = this.place;
    set(this.marker, item ? { x: item.x0, y: top - 3, width: item.x1 - item.x0, height: bottom - top + 6, visibility: "visible" } : { visibility: "hidden" });
    this.pinned.replaceChildren(...pins.flatMap((pin, i) => {
      const place = this.itemNamed(pin);
      if (!place) return [];
      const [x, y] = [(place.x0 + place.x1) / 2, middle + this.heightOf(place) / 2];
      return [s("circle", { cx: x, cy: y, r: 8.5 }), s("text", { x, y: y + 4.5, "text-anchor": "middle" }, letters[i] ?? "·")];
    }));
    for (const { group, item: each } of this.groups) set(group, { "aria-pressed": each.block ? String(pins.includes(each.block.name)) : null });
  }

  itemNamed(name) {
    if (!name) return null;
    const unit = this.net.units.findIndex((each) => each.name === name);
    return unit >= 0 ? this.layout.itemOfUnit[unit] : this.layout.items.find((item) => item.block?.name === name) ?? null;
  }

  /** Figures beside the name; the last are left out where there is no room. */
  tell(text) {
    while (text.length > this.letters && text.includes(" · ")) text = text.slice(0, text.lastIndexOf(" · "));
    say(this.figures, text);
  }

  /** Shortcuts as strong as α, of these units or of all; null: as they are. */
  turn(dial) {
    for (const { group, item } of this.groups) {
      const arc = group.querySelector(".arc");
      const meant = dial && item.block && (!dial.units.length || dial.units.includes(item.block.name));
      if (arc) arc.style.strokeOpacity = meant ? String(0.08 + 0.92 * dial.alpha) : "";
    }
  }
}
