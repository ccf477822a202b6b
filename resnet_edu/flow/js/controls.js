// The bar above: which view, which quantity, absolute or relative, formulas, the whole net again.

import { h, say, set } from "./dom.js";
import { formulaOf } from "./formulas.js";
import { QUANTITIES } from "./model.js";
import { viewsOf } from "./state.js";
import { WORDS } from "./words.js";

const VIEWS = { training: "Training", update: "One update", dial: "Skip dial" };

export class Controls {
  constructor(change) {
    this.change = change;
    this.views = radios("View", "view", (view) => change({ view }));
    this.quantities = radios("Quantity", "q", (q) => change({ q }));
    this.quantities.fill(Object.keys(QUANTITIES).map((name) => [name, WORDS[name].button]));
    this.last = toggle("÷ last layer", "Relative to the last layer: shows the shape, hides whether all are small", (on) => change({ scale: on ? "last" : "absolute" }));
    this.formula = toggle("formula", "Draw the textbook's formula over what was measured", (on) => change({ formula: on }));
    this.which = h("select", { "aria-label": "Which one", change: () => change(this.picked(Number(this.which.value))) });
    this.alone = toggle("one unit", "", (on) => change({ unit: on ? this.unit : "" }));
    this.whole = h("button", { type: "button", class: "whole", click: () => change({ open: "" }) }, "whole net");
    this.element = h("div", { class: "controls", role: "toolbar", "aria-label": "What is drawn" },
      this.views.element, this.quantities.element, this.which, this.alone, this.last, this.formula, this.whole);
  }

  draw(model, state, scene) {
    const views = viewsOf(model);
    this.views.fill(views.map((view) => [view, VIEWS[view]]));
    this.views.element.hidden = views.length < 2;
    this.views.choose(state.view);
    this.quantities.element.hidden = state.view === "update";
    const measured = (q) => model.nets.some((net) => net[QUANTITIES[q].table][QUANTITIES[q].column].some((row) => row.length));
    this.quantities.choose(scene.quantity?.(state) ?? state.q, measured, (q) => state.view === "training" || q !== "ratio");
    this.last.hidden = this.formula.hidden = state.view !== "training";
    set(this.last, { "aria-pressed": String(state.scale === "last"), disabled: state.q === "correlation" });
    set(this.formula, { "aria-pressed": String(state.formula), disabled: !formulaOf(state.q) });
    this.whole.hidden = !state.open;
    this.drawWhich(state, scene.names?.() ?? []);
    this.alone.hidden = !scene.alone;
    if (scene.alone) this.drawAlone(scene.alone(state));
  }

  /** The button that turns one unit of the dial alone. */
  drawAlone({ unit, name, pressed = false, title, disabled }) {
    this.unit = unit;
    say(this.alone, name);
    set(this.alone, { title, disabled, "aria-pressed": String(pressed) });
  }

  drawWhich(state, names) {
    this.which.hidden = names.length < 2;
    this.picked = (i) => (state.view === "dial" ? { dial: i, alpha: 1 } : { update: i });
    if (String(names) !== this.names) this.which.replaceChildren(...names.map(([i, name]) => h("option", { value: i }, name)));
    this.names = String(names);
    this.which.value = String(state.view === "dial" ? state.dial : state.update);
  }
}

/** A row of buttons of which one is pressed; arrow keys move between them. */
function radios(label, name, choose) {
  const element = h("div", { class: `radios ${name}`, role: "radiogroup", "aria-label": label });
  const buttons = () => [...element.children];
  element.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    const free = buttons().filter((button) => !button.disabled && !button.hidden);
    const next = free[(free.indexOf(event.target) + way + free.length) % free.length];
    next.focus();
    choose(next.value);
  });
  return {
    element,
    fill(entries) {
      if (buttons().map(({ value }) => value).join() === entries.map(([value]) => value).join()) return;
      element.replaceChildren(...entries.map(([value, text]) => h("button", { type: "button", role: "radio", value, click: () => choose(value) }, text)));
    },
    choose(value, allowed = () => true, shown = () => true) {
      for (const button of buttons()) {
        const on = button.value === value;
        set(button, { "aria-checked": String(on), tabindex: on ? "0" : "-1", disabled: !allowed(button.value), hidden: !shown(button.value) });
      }
    },
  };
}

function toggle(text, title, act) {
  const button = h("button", { type: "button", class: "toggle", title, "aria-pressed": "false" });
  button.addEventListener("click", () => act(button.getAttribute("aria-pressed") !== "true"));
  say(button, text);
  return button;
}
