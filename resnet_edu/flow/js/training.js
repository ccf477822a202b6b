// The view of a training: both nets at one step, the profile, losses, and traces of pinned units.

import { Curves } from "./curves.js";
import { h, sizeOf } from "./dom.js";
import { overlayOf, verdicts } from "./formulas.js";
import { QUANTITIES } from "./model.js";
import { clamp, format, isNumber, whole } from "./numbers.js";
import { Reading } from "./reading.js";
import { WORDS } from "./words.js";

const ENDS = ["image", "← the gradient starts at the loss"];
const LETTERS = "ABCDEFGH";
const SECONDS = 16; // a run takes about so long at speed 1

export class Training {
  constructor(model, change) {
    this.model = model;
    const seek = (step) => change({ step: Math.round(step) });
    this.losses = new Curves("losses", seek);
    this.traces = new Curves("traces", seek);
    this.reading = new Reading((patch) => change(patch));
    this.charts = [h("div", { class: "chart" }, this.losses.svg), h("div", { class: "chart" }, this.traces.svg)];
    this.side = [...this.charts, this.reading.element];
  }

  /** All that is drawn of a state, but for the side. */
  frame(state) {
    const { model } = this;
    const { per, line } = QUANTITIES[state.q];
    const words = WORDS[state.q];
    const relative = isRelative(state);
    const axis = model.axis(state.q, relative);
    const rows = model.nets.map((net) => model.row(net, state.q, state.step, relative));
    const lines = model.nets.map((net, i) => ({ net: i, per, values: rows[i]?.values, cls: net.look, text: net.label }));
    return {
      per,
      axis,
      rows,
      lines,
      fills: rows.map((row) => ({ values: row?.values, per, axis })),
      figures: model.nets.map((net) => this.figures(net, state.step)),
      title: relative ? `${words.title}, relative to the last` : words.title,
      label: words.button,
      text: format,
      rule: line && !relative ? { value: line, text: words.rule } : null,
      ends: ENDS,
      ghosts: [],
      overlay: overlayOf(model, rows, state),
      summary: this.summary(state, rows, words),
    };
  }

  figures(net, step) {
    const error = this.model.error(net, step);
    const loss = this.model.loss(net, step);
    const said = [loss === undefined ? "" : `loss ${format(loss)}`];
    if (error && isNumber(error.train)) said.push(`error ${error.train.toFixed(1)} %`);
    if (!["done", "fresh"].includes(net.status)) said.push(net.status);
    return said.filter(Boolean).join(" · ");
  }

  summary(state, rows, words) {
    const parts = this.model.nets.map((net, i) => {
      const values = (rows[i]?.values ?? []).filter(isNumber);
      return values.length ? `${net.label}: ${format(values[0])} nearest the image, ${format(values.at(-1))} nearest the loss.` : `${net.label}: not measured yet.`;
    });
    return `Step ${state.step} of ${this.model.steps}. ${words.title}. ${parts.join(" ")}`;
  }

  /** Charts and reading anew. `read` is what the pointer or the focus is on. */
  drawSide(state, frame, read) {
    const { model } = this;
    const [losses, traces] = this.charts;
    losses.hidden = !model.nets.some((net) => net.loss.steps.length);
    traces.hidden = !state.pins.length;
    this.reading.draw(model, state, verdicts(model, frame.rows, frame.overlay));
    this.paintReading(state, frame, read);
    if (!losses.hidden) this.drawLosses(sizeOf(losses));
    if (!traces.hidden) this.drawTraces(state, frame.axis, sizeOf(traces));
    this.paintSide(state, frame, read);
  }

  drawLosses({ width, height }) {
    const lines = this.model.nets.map((net) => ({ cls: net.look, steps: net.loss.steps, values: net.loss.loss }));
    this.losses.draw(width, height, { title: "loss of each batch", axis: this.model.axes.loss, to: this.model.steps, lines });
    this.losses.describe(`Losses over ${whole(this.model.steps)} steps: ${this.model.nets.map((net) => `${net.label} ends at ${format(net.loss.loss.at(-1))}`).join(", ")}`);
  }

  drawTraces(state, axis, { width, height }) {
    this.pinned = state.pins.flatMap((pin, k) => this.model.nets.flatMap((net, i) => {
      const index = positionOf(net, pin, QUANTITIES[state.q].per);
      return index === null ? [] : [{ net, i, index, k }];
    }));
    const lines = this.pinned.map(({ net, index, k }) => ({
      cls: net.look, end: LETTERS[k], ...this.model.trace(net, state.q, index, isRelative(state)),
    }));
    const names = state.pins.map((pin, k) => `${LETTERS[k]} ${pin}`).join(", ");
    this.traces.draw(width, height, { title: names, axis, to: this.model.steps, lines });
    this.traces.describe(`${WORDS[state.q].button} over the steps: ${names}`);
  }

  /** What moves with the step. */
  paintSide(state, frame, read) {
    if (!this.charts[0].hidden) this.losses.paint(state.step, this.model.nets.map((net) => this.model.loss(net, state.step)));
    if (!this.charts[1].hidden) this.traces.paint(state.step, this.pinned.map(({ i, index }) => frame.rows[i]?.values[index]));
    this.paintReading(state, frame, read);
  }

  paintReading(state, frame, read) {
    this.reading.paint(this.model, state, frame, read);
  }

  /** What the bar below scrubs through. */
  transport(state) {
    const { model } = this;
    const marks = model.measured(state.q);
    return {
      name: "step",
      low: 0,
      high: model.steps,
      value: state.step,
      stops: model.moments,
      marks,
      text: `step ${whole(state.step)} of ${whole(model.steps)}`,
      note: marks.includes(state.step) ? "measured" : "last measured value",
      rate: clamp(model.moments.length / SECONDS, 3, 60),
    };
  }

  patch(value) {
    return { step: Math.round(value) };
  }
}

function isRelative(state) {
  return state.scale === "last" && state.q !== "correlation";
}

/** The position of a block's value: of a unit, or of a block's first layer; null where there is none. */
export function positionOf(net, name, per) {
  if (per === "layer") return net.blocks.find((block) => block.name === name)?.layers[0] ?? null;
  const unit = net.units.findIndex((each) => each.name === name);
  return unit < 0 ? null : unit;
}
