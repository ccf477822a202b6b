// What was measured: read at a step, never interpolated; fixed axes for all steps.

import { isNumber, lastUpTo, union } from "./numbers.js";

/** What can be drawn. `line` is a value worth a line; `usual` the axis of a run that has just begun. */
export const QUANTITIES = {
  weight: { table: "layer_table", column: "gradient", per: "layer", log: true, usual: [-4, 1] },
  activation: { table: "unit_table", column: "gradient", per: "unit", log: true, usual: [-4, 1] },
  ratio: { table: "layer_table", column: "ratio", per: "layer", log: true, usual: [-6, 0], line: 1e-3 },
  correlation: { table: "unit_table", column: "correlation", per: "unit", log: false, usual: [0, 1] },
};

export class Model {
  constructor(data) {
    this.axes = {};
    this.take(data);
  }

  /** New data: rows of later steps are appended where the runs are the same, else all is replaced. */
  take(data) {
    const same = this.data && String(this.data.nets.map((net) => net.run)) === String(data.nets.map((net) => net.run));
    if (same && data.nets.every((net) => net.run)) {
      data.nets.forEach((net, i) => append(this.data.nets[i], net));
      this.data = { ...data, nets: this.data.nets };
    } else {
      this.data = structuredClone(data);
      this.axes = {};
    }
    this.nets = this.data.nets.map((net) => ({ ...net, units: net.blocks.filter((block) => block.kind === "unit") }));
    this.steps = Math.max(0, this.data.steps);
    const tables = this.nets.flatMap((net) => [net.layer_table.steps, net.unit_table.steps]);
    this.moments = union(tables);
    if (!this.moments.length) this.moments = [0];
    this.widen();
  }

  /** Steps at which a quantity was measured on any net. */
  measured(quantity) {
    return union(this.nets.map((net) => net[QUANTITIES[quantity].table].steps));
  }

  /** The last measured values up to a step: { step, values }, or null before the first. */
  row(net, quantity, step, relative = false) {
    const { table, column } = QUANTITIES[quantity];
    const { steps, [column]: rows } = net[table];
    const i = lastUpTo(steps, step);
    if (i < 0 || !rows[i].length) return null;
    return { step: steps[i], values: relative ? relatively(rows[i]) : rows[i] };
  }

  /** A layer's or unit's values over all measured steps: { steps, values }. */
  trace(net, quantity, index, relative = false) {
    const { table, column } = QUANTITIES[quantity];
    const values = net[table][column].map((row) => (relative ? relatively(row)[index] : row[index]));
    return { steps: net[table].steps, values };
  }

  /** The fixed axis: { low, high, log, line }; exponents of ten when it is logarithmic. */
  axis(quantity, relative = false) {
    return this.axes[relative ? `${quantity}/last` : quantity];
  }

  /** Axes hold all values there are; they are widened by whole decades, and never shrink. */
  widen() {
    for (const [name, quantity] of Object.entries(QUANTITIES)) {
      for (const relative of [false, true]) {
        const key = relative ? `${name}/last` : name;
        const rows = this.nets.flatMap((net) => net[quantity.table][quantity.column]);
        const values = (relative ? rows.map(relatively) : rows).flat().filter(isNumber);
        this.axes[key] = axisOf(values, quantity, this.axes[key], this.data.live);
      }
    }
    const losses = this.nets.flatMap((net) => net.loss.loss).filter(isNumber);
    this.axes.loss = axisOf(losses, { log: true, usual: [-2, 1] }, this.axes.loss, this.data.live);
  }

  /** The loss of a step's batch, or of the last one before it. */
  loss(net, step) {
    return at(net.loss.steps, net.loss.loss, step);
  }

  /** The last evaluation up to a step: { step, train, test }, or null. */
  error(net, step) {
    const i = lastUpTo(net.evals.steps, step);
    return i < 0 ? null : { step: net.evals.steps[i], train: net.evals.train_error[i], test: net.evals.test_error[i] };
  }
}

/** The smallest axis of whole decades (of fifths, when linear) that holds the values and `before`. */
export function axisOf(values, { log, usual = [0, 1], line }, before = null, live = false) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (log && value <= 0) continue;
    const place = log ? Math.log10(value) : value;
    if (place < low) low = place;
    if (place > high) high = place;
  }
  if (low > high || live) [low, high] = [Math.min(low, usual[0]), Math.max(high, usual[1])];
  const unit = log ? 1 : 0.2;
  low = Math.floor(low / unit + 1e-9) * unit;
  high = log ? Math.ceil(high / unit - 1e-9) * unit : 1;
  if (before) [low, high] = [Math.min(low, before.low), Math.max(high, before.high)];
  if (high <= low) high = low + unit;
  return { low, high, log, line };
}

/** Where a value is on an axis, as a share 0 … 1; null when it cannot be drawn. */
export function share(axis, value) {
  if (!isNumber(value)) return null;
  const place = axis.log ? (value > 0 ? Math.log10(value) : axis.low) : value;
  return Math.min(1, Math.max(0, (place - axis.low) / (axis.high - axis.low)));
}

function relatively(row) {
  const last = row.at(-1);
  return row.map((value) => (isNumber(value) && isNumber(last) && last !== 0 ? value / last : null));
}

function at(steps, values, step) {
  const i = lastUpTo(steps, step);
  return i < 0 ? undefined : values[i];
}

function append(known, fresh) {
  for (const table of ["layer_table", "unit_table", "loss", "evals"]) {
    const last = known[table].steps.at(-1) ?? -1;
    const rows = fresh[table].steps.flatMap((step, i) => (step > last ? [i] : []));
    for (const column of Object.keys(known[table])) {
      known[table][column] = known[table][column].concat(rows.map((i) => fresh[table][column][i]));
    }
  }
  known.status = fresh.status;
}
