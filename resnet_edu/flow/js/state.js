// The whole view as a query string, and back. Defaults are left out, so equal views have equal addresses.

import { QUANTITIES } from "./model.js";

export const SPEEDS = [0.25, 0.5, 1, 2, 4];
const SCALES = ["absolute", "last"];

const DEFAULTS = {
  view: "training", // training, update, dial
  q: "weight",
  scale: "absolute", // or relative to the last layer
  step: 0,
  pins: [], // names of blocks
  open: "", // units "from-to", counted from 1, when the net is too deep for all of them
  speed: 1,
  loop: false,
  formula: false,
  chain: [0.9, 0.1], // w of the plain chain wⁿ and of the residual chain (1 + w)ⁿ
  decay: [0.5, 0.5], // base of baseᴸ and exponent of L⁻ᵉˣᵖᵒⁿᵉⁿᵗ
  update: 0, // which of the updates in slow motion
  at: "start", // a moment of it
  dial: 0, // which of the grids
  unit: "", // the one whose shortcut is turned alone; none: all units
  alpha: 1,
};

export function initial(model) {
  return { ...structuredClone(DEFAULTS), step: model.moments[0] };
}

/** "q=ratio&step=12": what differs from the defaults. */
export function toQuery(state) {
  const parts = Object.entries(DEFAULTS).flatMap(([name, usual]) => {
    const value = state[name];
    if (String(value) === String(usual)) return [];
    return [`${name}=${value === true ? "1" : encodeURIComponent(String(value)).replaceAll("%2C", ",")}`];
  });
  return parts.join("&");
}

/** The view of a query, and a sentence for each part that cannot be shown: { state, problems }. */
export function fromQuery(query, model, moments = () => ["start"]) {
  const state = initial(model);
  const problems = [];
  const words = new URLSearchParams(query);
  const take = (name, read, allowed) => {
    if (!words.has(name)) return;
    const value = read(words.get(name));
    if (value === undefined) problems.push(`${name} is ${JSON.stringify(words.get(name))}; allowed: ${allowed}.`);
    else state[name] = value;
  };
  const one = (choices) => (text) => choices.find((choice) => String(choice) === text);
  const number = (low, high, whole = false) => (text) => {
    const value = text.trim() === "" ? NaN : Number(text);
    return value >= low && value <= high && (!whole || Number.isInteger(value)) ? value : undefined;
  };
  const pair = (low, high) => (text) => {
    const values = text.split(",").map(number(low, high));
    return values.length === 2 && !values.includes(undefined) ? values : undefined;
  };
  const views = viewsOf(model);
  const { updates = [], dials = [] } = model.data;
  take("view", one(views), views.join(", "));
  take("q", one(Object.keys(QUANTITIES)), Object.keys(QUANTITIES).join(", "));
  take("scale", one(SCALES), SCALES.join(", "));
  take("step", number(0, model.steps, true), `0 … ${model.steps}`);
  take("pins", pinsOf(model), "names of units, such as stages.0.0");
  take("open", rangeOf(model), "units from-to, such as 1-200");
  take("speed", (text) => one(SPEEDS)(text), SPEEDS.join(", "));
  take("loop", (text) => (text === "1" ? true : undefined), "1");
  take("formula", (text) => (text === "1" ? true : undefined), "1");
  take("chain", pair(0, 2), "two numbers in 0 … 2");
  take("decay", pair(0, 1), "two numbers in 0 … 1");
  if (updates.length) take("update", number(0, updates.length - 1, true), `0 … ${updates.length - 1}`);
  const known = moments(updates[state.update]);
  take("at", one(known), "a moment such as forward.stages.0.0");
  if (dials.length) take("dial", number(0, dials.length - 1, true), `0 … ${dials.length - 1}`);
  if (dials.length) take("unit", one(dialled(model, state.dial)), "names of units that have a shortcut");
  const alphas = gridOf(dials, state)?.dial.alphas ?? [1];
  take("alpha", one(alphas), alphas.join(", "));
  for (const name of words.keys()) if (!Object.hasOwn(DEFAULTS, name)) problems.push(`${name} is unknown.`);
  return { state, problems };
}

/** The grid that a state means, and whether it is `missing`: then the one of all units takes its place. */
export function gridOf(dials, { dial, unit }) {
  const all = dials[dial] ?? dials[0];
  if (!unit || !all) return all && { dial: all, missing: false };
  const own = dials.find((each) => each.run === all.run && each.step === all.step && String(each.units) === unit);
  return { dial: own ?? all, missing: !own };
}

/** Names of the units whose shortcuts a grid can turn. */
export function dialled(model, dial) {
  const { run } = model.data.dials[dial] ?? model.data.dials[0];
  return model.nets.find((net) => net.run === run)?.units.map(({ name }) => name) ?? [];
}

/** The views that the data have something for. */
export function viewsOf(model) {
  const { updates = [], dials = [] } = model.data;
  return ["training", ...(updates.length ? ["update"] : []), ...(dials.length ? ["dial"] : [])];
}

function pinsOf(model) {
  const known = new Set(model.nets.flatMap((net) => net.blocks.map((block) => block.name)));
  return (text) => {
    const names = text.split(",").filter(Boolean);
    return names.every((name) => known.has(name)) ? [...new Set(names)] : undefined;
  };
}

function rangeOf(model) {
  const most = Math.max(...model.nets.map((net) => net.units.length));
  return (text) => {
    const [, from, to] = (text.match(/^(\d+)-(\d+)$/) ?? []).map(Number);
    return from >= 1 && to <= most && from <= to ? text : undefined;
  };
}
