// Formulas that textbooks draw, laid over the measured profile. What is drawn here is never measured.
// They equal those of studies/formulas.py, whose text names the paper's theorems and what they assume.

import { QUANTITIES } from "./model.js";
import { factor, format, isNumber } from "./numbers.js";

/** Which formula belongs to a quantity: 'chain', 'decay', or null. */
export function formulaOf(quantity) {
  return { weight: "chain", activation: "chain", correlation: "decay", ratio: null }[quantity];
}

/** The sliders of a formula: [{ name, position, label, low, high, step }]. */
export const SLIDERS = {
  chain: [
    { position: 0, label: "plain chain wⁿ: w", low: 0.5, high: 1.5, step: 0.01 },
    { position: 1, label: "residual chain (1 + w)ⁿ: w", low: 0, high: 0.5, step: 0.01 },
  ],
  decay: [
    { position: 0, label: "plain, bᴸ (½ in the paper): b", low: 0.1, high: 1, step: 0.01 },
    { position: 1, label: "residual, L⁻ᵖ (½ in the paper): p", low: 0, high: 1, step: 0.01 },
  ],
};

/** Lines of the formula for every net whose values are drawn: [{ net, per, values, cls, label, start }]. */
export function overlayOf(model, rows, state) {
  const kind = formulaOf(state.q);
  if (!state.formula || !kind) return [];
  const { per } = QUANTITIES[state.q];
  return model.nets.flatMap((net, i) => {
    const values = rows[i]?.values;
    if (!values) return [];
    const depths = depthsOf(net, per);
    const anchor = values.findLast((value, k) => depths[k] !== null && isNumber(value));
    const { of, label } = chosen(kind, net, state);
    const drawn = depths.map((n) => (n === null || !isNumber(anchor) ? null : of(n, anchor)));
    return [{ net: i, per, values: drawn, cls: net.look, label, labelAt: net.kind === "plain" ? 0.35 : 0.6, start: drawn.findIndex(isNumber) }];
  });
}

/** How many units are between each layer or unit and the last one; null for the head, which is none. */
function depthsOf(net, per) {
  const last = net.units.length - 1;
  if (per === "unit") return net.units.map((_, i) => last - i);
  const depths = net.layers.map(() => null);
  for (const layer of net.blocks[0].layers) depths[layer] = last + 1;
  net.units.forEach((unit, i) => unit.layers.forEach((layer) => (depths[layer] = last - i)));
  return depths;
}

/** What a formula makes of n units behind, and its label. */
function chosen(kind, net, { chain, decay }) {
  const plain = net.kind === "plain";
  if (kind === "chain") {
    const [w, v] = chain;
    return plain
      ? { of: (n, anchor) => anchor * w ** n, label: `formula: ${w}ⁿ` }
      : { of: (n, anchor) => anchor * (1 + v) ** n, label: `formula: (1 + ${v})ⁿ` };
  }
  const [base, exponent] = decay;
  const layers = net.units[0].layers.length; // of each unit
  return plain
    ? { of: (n) => base ** (layers * n), label: base === 0.5 ? "formula: 1/2ᴸ" : `formula: ${base}ᴸ` }
    : { of: (n) => (n ? n ** -exponent : 1), label: exponent === 0.5 ? "formula: 1/√L" : `formula: L⁻ᵖ, p = ${exponent}` };
}

/** One sentence a net: by what factor its formula is off where the net begins. */
export function verdicts(model, rows, overlay) {
  return overlay.flatMap(({ net, values, label, start }) => {
    const measured = rows[net].values[start];
    if (start < 0 || !isNumber(measured)) return [];
    const said = `${model.nets[net].label}: the ${label.replace(":", "")} says ${format(values[start])} nearest the image; measured: ${format(measured)}.`;
    if (measured <= 0 || values[start] <= 0) return [`${said} They differ in sign.`];
    if (Math.abs(Math.log(values[start] / measured)) < 0.05) return [`${said} They agree within 5 %.`];
    return [`${said} The formula is off by a factor of ${factor(values[start], measured)}.`];
  });
}
