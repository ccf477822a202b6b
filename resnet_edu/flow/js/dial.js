// The skip dial: a net whose shortcuts, all or one unit's alone, are turned down to α, for the computed α.

import { Curves } from "./curves.js";
import { h, say, sizeOf } from "./dom.js";
import { axisOf, QUANTITIES } from "./model.js";
import { format, isNumber, whole } from "./numbers.js";
import { Reading } from "./reading.js";
import { gridOf } from "./state.js";
import { WORDS } from "./words.js";

const COLUMNS = { weight: "weight_gradient", activation: "activation_gradient", correlation: "correlation" };
const RATE = 3; // α a second
const NO_WORKER = "Turning one unit alone takes a worker, and there is none here: open these nets in the app.";

export class SkipDial {
  constructor(model, change) {
    this.model = model;
    this.reading = new Reading(change);
    this.errors = new Curves("errors", (alpha) => change(this.patch(alpha, this.state)));
    this.chart = h("div", { class: "chart" }, this.errors.svg);
    this.story = h("div", { class: "story", role: "status" });
    this.side = [this.story, this.chart, this.reading.element];
  }

  /** The grid that is drawn, and the row of it. A grid that is missing is like any other at α = 1. */
  now(state) {
    const { dial, missing } = gridOf(this.model.data.dials, state);
    const alpha = nearest(dial.alphas, missing ? 1 : state.alpha);
    return { dial, missing, alpha, at: dial.alphas.indexOf(alpha) };
  }

  /** Update : weight is no matter of one pass; the weight gradient is drawn in its place. */
  quantity(state) {
    return COLUMNS[state.q] ? state.q : "weight";
  }

  frame(state) {
    const { model } = this;
    this.state = state;
    const { dial, missing, alpha, at } = this.now(state);
    const q = this.quantity(state);
    const { per } = QUANTITIES[q];
    const grid = dial[COLUMNS[q]];
    const turned = model.nets.findIndex((net) => net.run === dial.run);
    const rows = model.nets.map((net, i) => (i === turned ? grid[at] : model.row(net, q, dial.step)?.values));
    const axis = axisOf([...grid.flat(), ...rows.flatMap((row) => row ?? [])].filter(isNumber), QUANTITIES[q]);
    const lines = model.nets.map((net, i) => ({ net: i, per, values: rows[i], cls: net.look, text: i === turned ? `α = ${alpha}` : net.label }));
    return {
      per, axis, lines, rows: null, rule: null, overlay: [],
      fills: rows.map((values) => ({ values, per, axis })),
      ghosts: missing ? [] : grid.map((values) => ({ net: turned, per, values, cls: model.nets[turned].look })),
      figures: model.nets.map((net, i) => (i === turned ? `α = ${alpha} · error ${percent(dial.error[at])} · loss ${format(dial.loss[at])}` : `as recorded at step ${whole(dial.step)}`)),
      title: WORDS[q].title, label: WORDS[q].button, text: format, ends: ["image", "← the gradient starts at the loss"],
      summary: this.sentence(state),
      arcs: { net: turned, alpha, units: dial.units },
    };
  }

  sentence(state) {
    const { dial, missing, at } = this.now(state);
    if (missing) return this.why(state.unit);
    const which = dial.units.length ? `The shortcut of ${dial.units.join(", ")} alone counts` : "The shortcuts of all units count";
    const start = dial.step ? `after ${whole(dial.step)} steps` : "before the first step";
    return `${which} α = ${dial.alphas[at]}, ${start}: error ${percent(dial.error[at])}, loss ${format(dial.loss[at])}, on ${whole(dial.images)} images.`;
  }

  /** Why a unit's own grid is not here. */
  why(unit) {
    const { worker } = this.model.data;
    if (worker === "ready") return `A worker computes the net with α at the shortcut of ${unit} alone. Until then: α = 1.`;
    return worker ?? NO_WORKER;
  }

  /** What the button for one unit says: { name, pressed, title, disabled }. */
  alone(state) {
    const name = state.unit || state.pins.findLast((pin) => this.model.nets[0].units.some((unit) => unit.name === pin));
    if (!name) return { name: "one unit", title: "Press a unit first; this turns its shortcut alone", disabled: true };
    const asked = gridOf(this.model.data.dials, { ...state, unit: name });
    const there = !asked.missing || this.model.data.worker === "ready";
    return { unit: name, name: `only ${name}`, pressed: Boolean(state.unit), title: there ? "Turn the shortcut of this unit alone" : this.why(name), disabled: !there && !state.unit };
  }

  drawSide(state, frame, read) {
    const { dial, missing } = this.now(state);
    const { width, height } = sizeOf(this.chart);
    const look = this.model.nets.find((net) => net.run === dial.run).look;
    const points = missing ? [] : [{ cls: look, steps: dial.alphas, values: dial.error }];
    this.reading.draw(this.model, { ...state, q: this.quantity(state), formula: false }, []);
    this.errors.draw(width, height, {
      title: "error (%) against α", axis: { low: 0, high: 100, log: false }, to: 1, xs: [0, 0.25, 0.5, 0.75, 1], xTitle: "α",
      lines: points, points: true,
    });
    this.errors.describe(missing ? this.why(state.unit) : `Error against α: ${dial.alphas.map((alpha, i) => `${alpha}: ${percent(dial.error[i])}`).join(", ")}`);
    this.paintSide(state, frame, read);
  }

  paintSide(state, frame, read) {
    const { dial, missing, alpha, at } = this.now(state);
    const { disabled, unit } = this.alone(state);
    const more = disabled && unit ? [h("p", { class: "place" }, this.why(unit))] : [];
    this.story.replaceChildren(h("h3", {}, "y = f(α·h(x) + F(x))"), h("p", {}, this.sentence(state)), ...more);
    this.errors.paint(alpha, missing ? [] : [dial.error[at]]);
    this.reading.paint(this.model, { ...state, q: this.quantity(state) }, frame, read);
  }

  transport(state) {
    const { dial, missing, alpha } = this.now(state);
    const stops = missing ? [alpha] : dial.alphas;
    return { name: "α", low: dial.alphas[0], high: dial.alphas.at(-1), value: alpha, stops, marks: stops, text: `α = ${alpha}`, note: state.unit ? "of one shortcut" : "of all shortcuts", rate: RATE };
  }

  patch(value, state) {
    const { dial, missing } = this.now(state);
    return missing ? {} : { alpha: nearest(dial.alphas, value) };
  }

  /** For the list: the grids of all units, by their positions; single units have the button. */
  names() {
    return this.model.data.dials.flatMap(({ step, units }, i) => (units.length === 1 ? [] : [[i, `${units.length ? units.join(", ") : "all units"}, ${step ? `step ${whole(step)}` : "fresh"}`]]));
  }
}

const nearest = (alphas, value) => alphas.reduce((best, alpha) => (Math.abs(alpha - value) < Math.abs(best - value) ? alpha : best));
const percent = (value) => (isNumber(value) ? `${value.toFixed(1)} %` : "not finite");
