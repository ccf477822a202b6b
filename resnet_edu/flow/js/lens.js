// The highlighted unit, enlarged: what goes through branch and shortcut, as thick as it is large.

import { s, set } from "./dom.js";
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
    const each = height / parts.length;
    this.svg.replaceChildren(...(unit ? parts : []).map((part, i) => this.unit(part, phase, width, i * each, each)), ...(unit ? [] : this.bars(parts, phase, width, height)));
  }

  unit({ net, forward, backward }, phase, width, top, height) {
    const back = phase === "backward";
    const sizes = back ? [backward.y, backward.shortcut, backward.branch, backward.x] : [forward.y, forward.shortcut, forward.branch, forward.x];
    const most = Math.max(...sizes.filter(isNumber), 1e-300);
    const thick = (value) => (isNumber(value) ? Math.max(1, (value / most) * THICKEST) : 1);
    const vectors = back && net.kind === "residual" && isNumber(backward.cosine);
    const wide = vectors && width > 330 ? width * 0.62 : width;
    const [out, skip, branch, into] = sizes;
    const y = top + height * (net.kind === "plain" ? 0.55 : 0.68);
    const [x0, x1, fork, plus] = [14, wide - 14, wide * 0.2, wide * 0.8];
    const high = top + height * 0.2;
    const flow = (d, value, cls) => s("path", { class: `flow-line ${net.look} ${cls}`, d, "stroke-width": thick(value) });
    const box = { x: fork + 20, y: y - 15, width: plus - fork - 40, height: 30, rx: 5 };
    const label = (x, at, text, anchor = "middle") => s("text", { x, y: at, "text-anchor": anchor }, text);
    const names = back ? ["∂ℒ/∂x", "∂ℒ/∂y"] : ["x", "y"];
    return s("g", {},
      flow(`M${x0},${y}H${fork}`, into, ""),
      flow(`M${fork},${y}H${plus}`, branch, "branch"),
      ...(net.kind === "plain" ? [] : [flow(`M${fork},${y}C${fork},${high - 14} ${plus},${high - 14} ${plus},${y}`, skip, "skip")]),
      flow(`M${plus},${y}H${x1}`, out, ""),
      s("rect", { class: "lens-f", ...box }),
      label((fork + plus) / 2, y + 5, "F"),
      ...(net.kind === "plain" ? [] : [s("circle", { class: "lens-plus", cx: plus, cy: y, r: 10 }), label(plus, y + 6, "+"),
        label((fork + plus) / 2, high + 2, `shortcut ${format(skip)}`)]),
      this.arrow(back ? fork * 0.55 : plus + (x1 - plus) * 0.6, y, back, net.look),
      label((fork + plus) / 2, y + 33, `${net.kind === "plain" ? "" : "branch "}${format(branch)}`),
      label(x0, y + 26, `${names[0]} ${format(into)}`, "start"),
      label(x1, y - 15, `${names[1]} ${format(out)}`, "end"),
      label(x0, top + 14, net.label, "start"),
      ...(vectors && width > 330 ? [this.vectors(backward, net, wide + 4, top + 8, width - wide - 12, height - 16)] : []));
  }

  arrow(x, y, back, look) {
    const way = back ? -1 : 1;
    return s("path", { class: `arrow ${look}`, d: `M${x + 11 * way},${y}l${-16 * way},-11v22z` });
  }

  /** Both parts and their sum in the plane that they span: exact lengths and angle. */
  vectors({ shortcut, branch, cosine }, net, x, y, width, height) {
    const sine = Math.sqrt(Math.max(0, 1 - cosine ** 2));
    const ends = { skip: [shortcut, 0], branch: [branch * cosine, branch * sine], sum: [shortcut + branch * cosine, branch * sine] };
    const xs = [0, ...Object.values(ends).map(([a]) => a)];
    const ys = [0, ...Object.values(ends).map(([, b]) => b)];
    const [left, right, top] = [Math.min(...xs), Math.max(...xs), Math.max(...ys, 1e-300)];
    const unit = Math.min((width - 16) / (right - left || 1), (height - 34) / top);
    const at = ([a, b]) => [x + 8 + (a - left) * unit, y + height - 12 - b * unit];
    const [ox, oy] = at([0, 0]);
    const lines = Object.entries(ends).map(([name, end]) => {
      const [ex, ey] = at(end);
      return s("line", { class: `vector ${name} ${net.look}`, x1: ox, y1: oy, x2: ex, y2: ey });
    });
    const cos = s("text", { x: x + width / 2, y: y + 10, "text-anchor": "middle" }, `cos ${format(cosine, 2)}`);
    return s("g", { class: "vectors" }, ...lines, s("circle", { cx: ox, cy: oy, r: 3.5 }), cos);
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

