// One update in slow motion: forward, loss, backward, weight gradients, update, loss after.

import { h, sizeOf } from "./dom.js";
import { Lens } from "./lens.js";
import { axisOf } from "./model.js";
import { format, isNumber, whole } from "./numbers.js";
import { WORDS } from "./words.js";

const RATE = 4; // moments a second

/** The addresses of an update's moments, in order. */
export function momentsOf(update) {
  if (!update) return ["start"];
  const names = update.nets[0].forward.map(({ name }) => name);
  const back = [...names].reverse();
  return ["start", ...names.map((name) => `forward.${name}`), "loss", ...back.map((name) => `backward.${name}`), "weights", "update", "after"];
}

/** 'backward.stages.0.1' → { phase: 'backward', name: 'stages.0.1' }. */
function momentOf(at) {
  const dot = at.indexOf(".");
  return dot < 0 ? { phase: at, name: null } : { phase: at.slice(0, dot), name: at.slice(dot + 1) };
}

export class SlowMotion {
  constructor(model) {
    this.model = model;
    this.lens = new Lens();
    this.caption = h("div", { class: "story", role: "status" });
    this.box = h("div", { class: "chart lens-box" }, this.lens.svg);
    this.side = [this.caption, this.box];
  }

  update(state) {
    return this.model.data.updates[state.update] ?? this.model.data.updates[0];
  }

  frame(state) {
    const update = this.update(state);
    const { phase, name } = momentOf(state.at);
    const shown = PHASES[phase];
    const all = update.nets.flatMap((net) => shown.lines.flatMap(({ column }) => net[shown.table].map((each) => each[column])));
    const axis = axisOf(all.filter(isNumber), { log: true });
    const reached = (net) => net[shown.table].map((each, i, list) => seen(phase, name, i, list));
    const column = (net, key) => net[shown.table].map((each, i) => (reached(net)[i] ? each[key] : undefined));
    const lines = this.model.nets.flatMap((net, i) => shown.lines.flatMap(({ column: key, cls, text }) => (
      cls && phase === "backward" && net.kind === "plain" ? [] : [{ net: i, per: shown.per, values: column(update.nets[i], key), cls: `${net.look} ${cls}`, text: cls ? "" : net.label }]
    )));
    const fills = update.nets.map((net) => ({ values: column(net, shown.lines[0].column), per: shown.per, axis }));
    return {
      per: shown.per, axis, lines, fills, rows: null, rule: null, overlay: [], ghosts: [],
      figures: update.nets.map((net) => (phase === "after" ? `loss ${format(net.loss)} → ${format(net.loss_after)}` : afterLoss(phase) ? `loss ${format(net.loss)}` : "")),
      title: shown.title, label: shown.title, text: format, ends: ["image", "loss"],
      summary: this.sentences(state).map(([label, text]) => `${label}: ${text}`).join(" "),
      at: name,
    };
  }

  /** One sentence a net for the moment: [[label, sentence, look]]. */
  sentences(state) {
    const update = this.update(state);
    const { phase, name } = momentOf(state.at);
    return update.nets.map((net, i) => {
      const { label, look } = this.model.nets[i];
      return [label, SENTENCES[phase](net, net[PHASES[phase].table]?.find((each) => each.name === name), update), look];
    });
  }

  drawSide(state, frame) {
    this.paintSide(state, frame);
  }

  paintSide(state) {
    const update = this.update(state);
    const { phase, name } = momentOf(state.at);
    const unit = this.model.nets[0].units.findIndex((each) => each.name === name);
    const place = unit < 0 ? "" : `, unit ${unit + 1} of ${this.model.nets[0].units.length}`;
    this.caption.replaceChildren(
      h("h3", {}, `${TITLES[phase]}${place}`),
      ...this.sentences(state).map(([label, text, look]) => h("p", {}, h("b", { class: look }, `${label} `), text)),
      ...[NOTES[phase]?.(update)].filter(Boolean).map((text) => h("p", { class: "place" }, text)),
    );
    const parts = update.nets.map((net, i) => ({ net: this.model.nets[i], forward: net.forward[unit], backward: net.backward[unit], totals: net }));
    const { width, height } = sizeOf(this.box);
    this.lens.draw(width, height, phase, parts);
  }

  transport(state) {
    const moments = momentsOf(this.update(state));
    const value = Math.max(0, moments.indexOf(state.at));
    const names = ["loss", "weights"].map((each) => moments.indexOf(each));
    return {
      name: "moment", low: 0, high: moments.length - 1, value, stops: moments.map((_, i) => i), marks: names,
      text: `moment ${value + 1} of ${moments.length}`, note: TITLES[momentOf(state.at).phase], rate: RATE,
    };
  }

  patch(value, state) {
    const moments = momentsOf(this.update(state));
    return { at: moments[Math.min(moments.length - 1, Math.max(0, Math.round(value)))] };
  }

  /** For the list of recorded updates. */
  names() {
    return this.model.data.updates.map(({ step, images }, i) => [i, `step ${whole(step)}, ${whole(images)} images`]);
  }
}

const afterLoss = (phase) => !["start", "forward"].includes(phase);

/** Whether the moment has reached a place in a table. */
function seen(phase, name, i, list) {
  if (phase === "start") return false;
  const here = list.findIndex((each) => each.name === name);
  if (phase === "forward") return i <= here;
  if (phase === "backward") return i >= here;
  return true;
}

const FORWARD = {
  table: "forward", per: "unit", title: "forward: ‖y‖; thin: ‖F(x)‖",
  lines: [{ column: "y", cls: "", text: "‖y‖" }, { column: "branch", cls: "thin", text: "‖F(x)‖" }],
};
const BACKWARD = {
  table: "backward", per: "unit", title: "‖∂ℒ/∂x‖; thin: shortcut; dotted: branch",
  lines: [{ column: "x", cls: "", text: "" }, { column: "shortcut", cls: "thin", text: "" }, { column: "branch", cls: "thin dots", text: "" }],
};
const PHASES = {
  start: FORWARD,
  forward: FORWARD,
  loss: FORWARD,
  backward: BACKWARD,
  weights: { table: "weights", per: "layer", title: WORDS.weight.title, lines: [{ column: "gradient", cls: "", text: "" }] },
  update: { table: "weights", per: "layer", title: "update ‖ΔW‖ of each layer", lines: [{ column: "update", cls: "", text: "" }] },
  after: { table: "weights", per: "layer", title: "update ‖ΔW‖ of each layer", lines: [{ column: "update", cls: "", text: "" }] },
};

const TITLES = {
  start: "Before the update", forward: "Forward", loss: "The loss", backward: "Backward",
  weights: "Weight gradients", update: "The update", after: "The same batch again",
};

/** What the probe says of its own numbers. */
const NOTES = { start: (update) => update.replayed, loss: (update) => update.split, update: (update) => update.replayed };

const degrees = (cosine) => `${Math.round((Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI)}°`;
const total = (net, column) => Math.hypot(...net.weights.map((each) => each[column] ?? NaN));

const SENTENCES = {
  start: (net, _, update) => `${whole(update.images)} images wait on the left; ${whole(update.step)} updates have been made.`,
  forward: (net, { x, branch, shortcut, y }) => shortcut === null
    ? `x has size ${format(x)}; the layers put ${format(branch)} in its place; y has size ${format(y)}.`
    : `the branch adds F(x), size ${format(branch)}, to the shortcut's ${format(shortcut)}; y has size ${format(y)}.`,
  loss: (net) => `the loss of this batch is ${format(net.loss)}. Now the gradient starts here and runs to the left.`,
  backward: (net, { y, shortcut, branch, cosine, x }) => shortcut === null
    ? `a gradient of size ${format(y)} comes in; its only way is through the layers; ${format(x)} goes on.`
    : `at the plus the gradient splits: ${format(shortcut)} goes back through the shortcut, ${format(branch)} through the branch${isNumber(cosine) ? `, ${degrees(cosine)} apart` : ""}; together ${format(x)} go on.`,
  weights: (net) => `every layer has its gradient; all together they have size ${format(total(net, "gradient"))}.`,
  update: (net, _, update) => `the learning rate is ${update.lr}; all weights together move by ${format(total(net, "update"))}.`,
  after: (net) => `the loss of the same batch was ${format(net.loss)}, and is now ${format(net.loss_after)}.`,
};
