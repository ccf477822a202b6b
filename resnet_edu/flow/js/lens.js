// The highlighted unit, enlarged: what goes through branch and shortcut, as thick as it is large.

import { s, set, typeOf } from "./dom.js";
import { format, isNumber } from "./numbers.js";

const THICKEST = 16;

export class Lens {
  constructor() {
    this.svg = s("svg", { class: "lens", role: "img", "aria-label": "The highlighted unit, enlarged" });
  }

  /** `parts`: for each net { net, forward, backward, totals }; forward and backward belong to the unit. */
  draw(width, height, phase, parts) {
    set(this.svg, { width, height, viewBox: `0 0 ${width} ${height}` });
    const unit = parts[0].forward !== undefined;
    const shares = parts.map(({ net }) => (net.kind === "plain" ? 2 : 3)); // an arc needs room
    const each = shares.map((share) => (height * share) / shares.reduce((a, b) => a + b));
    this.svg.replaceChildren(...(unit ? parts.map((part, i) => this.unit(part, phase, width, i && each[0], each[i])) : this.bars(parts, phase, width, height)));
  }

  unit({ net, forward, backward }, phase, width, top, height) {
    const back = phase === "backward";
    const { x: into, branch, shortcut, y: out } = back ? backward : forward;
    const plain = net.kind === "plain";
    const most = Math.max(...[into, branch, shortcut, out].filter(isNumber), 1e-300);
    const thick = (value) => (isNumber(value) ? Math.max(1, (value / most) * THICKEST) : 1);
    const vectors = back && !plain && isNumber(backward.cosine) && width > 300;
    const wide = vectors ? width * 0.64 : width;
    const [x0, x1, fork, plus, middle] = [8, wide - 8, wide * 0.17, wide * 0.83, wide / 2];
    const y = top + Math.min(height * (plain ? 0.5 : 0.64), height - 38);
    const arc = top + 26 - (y - top - 26) / 3; // a cubic's control point, so that its top is at top + 26
    const flow = (d, value) => s("path", { class: "flow-line", d, "stroke-width": thick(value) });
    const text = (x, at, words, anchor = "middle") => s("text", { x, y: at, "text-anchor": anchor }, words);
    const [xName, yName] = back ? ["∂ℒ/∂x", "∂ℒ/∂y"] : ["x", "y"];
    return s("g", { class: net.look },
      s("text", { class: "name", x: x0, y: top + 14 }, net.label),
      flow(`M${x0},${y}H${fork}`, into),
      flow(`M${fork},${y}H${plus}`, branch),
      plain ? null : flow(`M${fork},${y}C${fork},${arc} ${plus},${arc} ${plus},${y}`, shortcut),
      flow(`M${plus},${y}H${x1}`, out),
      s("rect", { class: "lens-f", x: middle - wide * 0.21, y: y - 15, width: wide * 0.42, height: 30, rx: 5 }),
      text(middle, y + 5, `F ${format(branch)}`),
      plain ? null : s("circle", { class: "lens-plus", cx: plus, cy: y, r: 10 }),
      plain ? null : text(plus, y + 5.5, "+"),
      plain ? null : text(x1, top + 14, `shortcut ${format(shortcut)}`, "end"),
      this.arrow(back ? x0 + 8 : x1 - 8, y, back),
      text(x0, y + 32, `${xName} ${format(into)}`, "start"),
      text(x1, y + 32, `${yName} ${format(out)}`, "end"),
      vectors ? this.vectors(backward, wide + 6, top + 8, width - wide - 14, height - 24) : null);
  }

  arrow(x, y, back) {
    const way = back ? -1 : 1;
    return s("path", { class: "arrow", d: `M${x + 11 * way},${y}l${-16 * way},-11v22z` });
  }

  /** Both parts and their sum in the plane that they span: exact lengths and angle. */
  vectors({ shortcut, branch, cosine }, x, y, width, height) {
    const sine = Math.sqrt(Math.max(0, 1 - cosine ** 2));
    const tip = [branch * cosine, branch * sine];
    const ends = { shortcut: [shortcut, 0], branch: tip, sum: [shortcut + tip[0], tip[1]] };
    const xs = [0, ...Object.values(ends).map(([a]) => a)];
    const [left, right, high] = [Math.min(...xs), Math.max(...xs), Math.max(tip[1], 1e-300)];
    const line = typeOf(this.svg);
    const unit = Math.min((width - 12) / (right - left || 1), (height - 4 * line - 14) / high);
    const floor = y + height - 2 * line + 4;
    const at = ([a, b]) => [x + 6 + (a - left) * unit, floor - b * unit];
    const [ox, oy] = at([0, 0]);
    const parts = Object.entries(ends).flatMap(([name, end]) => {
      const [ex, ey] = at(end);
      return s("line", { class: `vector ${name}`, x1: ox, y1: oy, x2: ex, y2: ey });
    });
    const text = (words, at, fits) => s("text", { x: x + width / 2, y: at, "text-anchor": "middle", class: fits }, words);
    return s("g", { class: "vectors" }, ...parts, s("circle", { cx: ox, cy: oy, r: 3.5 }),
      text(`cos ${format(cosine, 2)}`, y + 8, ""), text("— shortcut", floor + 1.2 * line, ""), text("⋯ branch", floor + 2.3 * line, ""));
  }

  /** Where no unit is highlighted: the losses as bars. */
  bars(parts, phase, width, height) {
    if (phase === "start") return [];
    const after = phase === "after";
    const rows = parts.flatMap(({ net, totals }) => [
      { net, text: `${net.label}, loss before`, value: totals.loss },
      ...(after ? [{ net, text: `${net.label}, loss after`, value: totals.loss_after }] : []),
    ]);
    const most = Math.max(...rows.map(({ value }) => value).filter(isNumber), 1e-300);
    const each = Math.min(58, height / rows.length);
    return rows.map(({ net, text, value }, i) => s("g", {},
      s("text", { x: 4, y: i * each + 18 }, `${text}: ${format(value)}`),
      s("rect", { class: `loss-bar ${net.look}`, x: 4, y: i * each + 26, width: isNumber(value) ? ((width - 8) * value) / most : 0, height: Math.max(6, each - 34) })));
  }
}

