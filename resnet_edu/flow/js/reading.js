// What is read: the unit under the pointer or with the focus, its values, what they mean, their formula.

import { h, say } from "./dom.js";
import { formulaOf, SLIDERS } from "./formulas.js";
import { factor, format, isNumber, whole } from "./numbers.js";
import { CHAINS, WORDS } from "./words.js";

export class Reading {
  constructor(change) {
    this.change = change;
    this.title = h("h3");
    this.place = h("p", { class: "place" });
    this.head = h("thead");
    this.body = h("tbody");
    this.table = h("table", {}, this.head, this.body);
    this.compare = h("p", { class: "compare" });
    this.meaning = h("p", { class: "meaning" });
    this.formula = h("div", { class: "formula-box" });
    this.sliders = h("div", { class: "sliders" });
    this.element = h("section", { class: "reading", "aria-label": "What is read", tabindex: "0" },
      this.title, this.place, this.table, this.compare, this.sliders, this.formula, this.meaning);
  }

  /** What depends on the quantity only. */
  draw(model, state, verdicts) {
    const words = WORDS[state.q];
    say(this.meaning, words.meaning);
    if (this.quantity !== state.q) this.formula.innerHTML = words.formula; // a text of ours, never of the data
    this.quantity = state.q;
    this.head.replaceChildren(h("tr", {}, h("td"), ...model.nets.map((net) => h("th", { scope: "col", class: net.look }, net.label))));
    this.drawSliders(state, verdicts);
  }

  /** Sliders of the formula; a slider that is held stays the same element. */
  drawSliders(state, verdicts) {
    const kind = state.formula ? formulaOf(state.q) : null;
    this.sliders.hidden = !state.formula;
    this.formula.hidden = this.meaning.hidden = state.formula;
    if (!state.formula) return;
    if (this.kind !== kind || !this.sliders.childNodes.length) {
      this.kind = kind;
      this.verdict = h("p", { class: "verdict", role: "status" });
      const inputs = (SLIDERS[kind] ?? []).map((slider) => this.slider(slider, kind));
      const formulas = h("div", { class: "formulas" });
      if (kind === "chain") formulas.innerHTML = CHAINS.plain + CHAINS.residual;
      this.sliders.replaceChildren(...inputs.map(({ label }) => label), this.verdict, formulas, h("p", { class: "place" }, sourceOf(kind)));
      this.inputs = inputs;
    }
    for (const { input, output, position } of this.inputs) {
      input.value = state[kind][position];
      say(output, String(state[kind][position]));
    }
    say(this.verdict, verdicts.join(" "));
  }

  slider({ position, label, low, high, step }, kind) {
    const output = h("output");
    const input = h("input", {
      type: "range", min: low, max: high, step, "aria-label": label,
      input: () => {
        const values = [...this.values[kind]];
        values[position] = Number(input.value);
        this.change({ [kind]: values });
      },
    });
    return { input, output, position, label: h("label", {}, h("span", {}, label), input, output) };
  }

  /** The values of this moment. */
  paint(model, state, frame, read) {
    this.values = state;
    const block = read && (read.block ?? null);
    this.table.hidden = !block;
    this.place.hidden = state.formula && !block;
    say(this.title, read ? titleOf(model.nets[read.net] ?? model.nets[0], read) : WORDS[state.q].button);
    say(this.place, block ? `output ${block.shape.join(" × ")}; ${block.equation.split(";")[0]}` : read ? "Press to open it." : hint(model, state.view));
    if (block) this.fill(model, frame, block);
    else say(this.compare, "");
  }

  fill(model, frame, block) {
    const columns = model.nets.map((net, i) => {
      const own = net.blocks.find((each) => each.name === block.name);
      return frame.per === "layer"
        ? (own?.layers ?? []).map((layer) => ({ name: net.layers[layer].name.split(".").at(-1), text: net.layers[layer].text, value: frame.fills[i].values?.[layer] }))
        : [{ name: "unit", text: "", value: frame.fills[i].values?.[net.units.indexOf(own)] }];
    });
    const rows = columns.reduce((a, b) => (b.length > a.length ? b : a));
    while (this.body.childNodes.length > rows.length) this.body.lastChild.remove();
    rows.forEach((row, k) => {
      if (!this.body.childNodes[k]) this.body.append(h("tr", {}, h("th", { scope: "row" }), ...model.nets.map(() => h("td"))));
      const [head, ...cells] = this.body.childNodes[k].childNodes;
      say(head, row.name);
      head.title = row.text;
      cells.forEach((cell, i) => say(cell, valueText(columns[i][k]?.value, frame)));
    });
    say(this.compare, comparison(model, frame, rows, columns));
  }
}

function valueText(value, frame) {
  return value === undefined ? "–" : (frame.text ?? format)(value);
}

function comparison(model, frame, rows, columns) {
  const steps = (frame.rows ?? []).filter(Boolean).map(({ step }) => step);
  const when = steps.length ? `Measured at step ${[...new Set(steps)].map(whole).join(" and ")}.` : "";
  const [a, b] = columns.map((column) => column[0]?.value);
  const layer = rows.length > 1 ? `${rows[0].name}: ` : "";
  const how = columns.length > 1 && isNumber(a) && isNumber(b) && a > 0 && b > 0 && frame.axis.log
    ? ` ${layer}${model.nets[a > b ? 0 : 1].label} has ${factor(a, b)} × as much.` : "";
  return when + how;
}

function titleOf(net, { block, from, to }) {
  if (!block) return `units ${from + 1} to ${to}`;
  return from >= 0 ? `unit ${from + 1} of ${net.units.length}, ${block.name}` : block.name;
}

function hint(model, view) {
  const kept = view === "dial" ? "press it to turn it alone" : "press it to keep its trace";
  const act = model.steps ? `Point at a unit to read it; ${kept}.` : "Point at a unit to read it.";
  return `${act} ${model.data.note}`.trim();
}

function sourceOf(kind) {
  if (kind === "chain") return "n counts the units up to the last one, where the formula starts from the measured value. Nothing of the thin lines was measured.";
  if (kind === "decay") return "Balduzzi 2017, Theorem 1: 1/2ᴸ for L layers without shortcuts. Theorem 3: a rate of 1/√L for L units with shortcuts and batch norm. Both are about initial weights and unrelated images, and these images are nearly equal. Nothing of the thin lines was measured.";
  return "No textbook formula is drawn for this quantity.";
}
