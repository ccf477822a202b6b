// The skip dial: a net whose shortcuts are turned down to α, for the recorded α.

import { Curves } from "./curves.js";
import { h, say, sizeOf } from "./dom.js";
import { axisOf, QUANTITIES } from "./model.js";
import { format, isNumber, whole } from "./numbers.js";
import { Reading } from "./reading.js";
import { WORDS } from "./words.js";

const COLUMNS = { weight: "weight_gradient", activation: "activation_gradient", correlation: "correlation" };
const RATE = 3; // α a second

export class SkipDial {
  constructor(model, change) {
    this.model = model;
    this.reading = new Reading(change);
    this.errors = new Curves("errors", (alpha) => change(this.patch(alpha, this.state)));
    this.chart = h("div", { class: "chart" }, this.errors.svg);
    this.story = h("div", { class: "story", role: "status" });
    this.side = [this.story, this.chart, this.reading.element];
  }

  dial(state) {
    return this.model.data.dials[state.dial] ?? this.model.data.dials[0];
  }

  /** Update : weight is no matter of one pass; the weight gradient is drawn in its place. */
  quantity(state) {
    return COLUMNS[state.q] ? state.q : "weight";
  }

  frame(state) {
    const { model } = this;
    this.state = state;
    const dial = this.dial(state);
    const q = this.quantity(state);
    const { per } = QUANTITIES[q];
    const grid = dial[COLUMNS[q]];
    const at = dial.alphas.indexOf(state.alpha);
    const turned = model.nets.findIndex((net) => net.run === dial.run);
    const rows = model.nets.map((net, i) => (i === turned ? grid[at] : model.row(net, q, dial.step)?.values));
    const axis = axisOf([...grid.flat(), ...rows.flatMap((row) => row ?? [])].filter(isNumber), QUANTITIES[q]);
    const lines = model.nets.map((net, i) => ({ net: i, per, values: rows[i], cls: net.look, text: i === turned ? `α = ${state.alpha}` : net.label }));
    return {
      per, axis, lines, rows: null, rule: null, overlay: [],
      fills: rows.map((values) => ({ values, per, axis })),
      ghosts: grid.map((values) => ({ net: turned, per, values, cls: model.nets[turned].look })),
      figures: model.nets.map((net, i) => (i === turned ? `α = ${state.alpha} · error ${percent(dial.error[at])} · loss ${format(dial.loss[at])}` : `as recorded at step ${whole(dial.step)}`)),
      title: WORDS[q].title, label: WORDS[q].button, text: format, ends: ["image", "← the gradient starts at the loss"],
      summary: this.sentence(dial, at),
      arcs: { net: turned, alpha: state.alpha, units: dial.units },
    };
  }

  sentence(dial, at) {
    const which = dial.units.length ? dial.units.join(", ") : "all units";
    const start = dial.step ? `after ${whole(dial.step)} steps` : "before the first step";
    return `The shortcuts of ${which} count α = ${dial.alphas[at]}, ${start}: error ${percent(dial.error[at])}, loss ${format(dial.loss[at])}, on ${whole(dial.images)} images.`;
  }

  drawSide(state, frame, read) {
    const dial = this.dial(state);
    const { width, height } = sizeOf(this.chart);
    const look = this.model.nets.find((net) => net.run === dial.run).look;
    this.reading.draw(this.model, { ...state, q: this.quantity(state), formula: false }, []);
    this.errors.draw(width, height, {
      title: "error (%) against α", axis: { low: 0, high: 100, log: false }, to: 1, xs: [0, 0.25, 0.5, 0.75, 1], xTitle: "α",
      lines: [{ cls: look, steps: dial.alphas, values: dial.error }], points: true,
    });
    this.errors.describe(`Error against α: ${dial.alphas.map((alpha, i) => `${alpha}: ${percent(dial.error[i])}`).join(", ")}`);
    this.paintSide(state, frame, read);
  }

  paintSide(state, frame, read) {
    const dial = this.dial(state);
    const at = dial.alphas.indexOf(state.alpha);
    say(this.story, "");
    this.story.append(h("h3", {}, "y = f(α·h(x) + F(x))"), h("p", {}, this.sentence(dial, at)));
    this.errors.paint(state.alpha, [dial.error[at]]);
    this.reading.paint(this.model, { ...state, q: this.quantity(state) }, frame, read);
  }

  transport(state) {
    const { alphas } = this.dial(state);
    return { name: "α", low: alphas[0], high: alphas.at(-1), value: state.alpha, stops: alphas, marks: alphas, text: `α = ${state.alpha}`, note: "of the shortcut", rate: RATE, snap: true };
  }

  patch(value, state) {
    const { alphas } = this.dial(state);
    return { alpha: alphas.reduce((best, alpha) => (Math.abs(alpha - value) < Math.abs(best - value) ? alpha : best)) };
  }

  names() {
    return this.model.data.dials.map(({ step, units }) => `${units.length ? units.join(", ") : "all units"}, ${step ? `step ${whole(step)}` : "fresh"}`);
  }
}

const percent = (value) => (isNumber(value) ? `${value.toFixed(1)} %` : "not finite");
