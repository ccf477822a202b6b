// The picture: mount(element, data, options) draws it; what is returned updates it or takes it away.

import { Controls } from "./controls.js";
import { SkipDial } from "./dial.js";
import { focused, h, say, sizeOf } from "./dom.js";
import { keysOf } from "./keys.js";
import { addressOf } from "./layout.js";
import { fillWindow, fit, tellApart } from "./looks.js";
import { Model } from "./model.js";
import { NetDrawing } from "./nets.js";
import { Player } from "./player.js";
import { Profile } from "./profile.js";
import { Reader } from "./reader.js";
import { momentsOf, SlowMotion } from "./slow.js";
import { fromQuery, initial, toQuery, viewsOf } from "./state.js";
import { Training } from "./training.js";
import { neighbour, Transport } from "./transport.js";

const REST = 250; // milliseconds without a change before the host hears of the state

/**
 * Draws `data` (FlowData) into `element`.
 *
 * options.query    the view to begin with, as `picture.query` gives it
 * options.onState  called with the query and the state when the view has come to rest, never while it plays
 * options.keys     where keys are heard: the picture itself by default, or `document`
 * options.height   of the picture in pixels, "page" for that of the window, or "rest" for what the window leaves below
 * options.theme    "light" or "dark"; by default as the text around it
 */
export function mount(element, data, options = {}) {
  const picture = new Picture(element, data, options);
  return {
    update: (fresh) => picture.update(fresh),
    show: (query) => picture.open(query),
    destroy: () => picture.destroy(),
    get state() {
      return structuredClone(picture.state);
    },
    get query() {
      return toQuery(picture.state);
    },
    get playing() {
      return picture.player.playing;
    },
    player: picture.player,
  };
}

class Picture {
  constructor(element, data, options) {
    this.options = options;
    this.model = new Model(data);
    tellApart(this.model.nets);
    this.state = initial(this.model);
    this.reader = new Reader(this);
    this.build(element);
    this.open(options.query ?? "");
    if (this.atTop) fillWindow(this.root, this.atTop);
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(this.root);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.rethemed = () => this.draw();
    this.scheme.addEventListener("change", this.rethemed);
  }

  build(element) {
    const change = (patch) => this.change(patch);
    this.controls = new Controls(change);
    this.make = { training: () => new Training(this.model, change), update: () => new SlowMotion(this.model), dial: () => new SkipDial(this.model, change) };
    this.player = new Player({
      transport: () => this.scene.transport(this.state),
      settings: () => this.state,
      show: (value) => this.change(this.scene.patch(value, this.state)),
      rested: () => this.rest(),
    });
    this.transport = new Transport({
      seek: (value) => this.seek(value),
      toggle: () => this.toggle(),
      step: (way) => this.step(way),
      end: (first) => this.end(first),
      speed: (speed) => change({ speed }),
      loop: () => change({ loop: !this.state.loop }),
    });
    this.profile = new Profile({ near: (x) => this.reader.near(x), leave: () => this.reader.leave() });
    this.netsBox = h("div", { class: "nets" });
    this.profileBox = h("div", { class: "profile-box" }, this.profile.svg);
    this.sideBox = h("div", { class: "side" });
    this.problem = h("p", { class: "problem", role: "alert", hidden: true });
    this.spoken = h("p", { class: "spoken", role: "status" });
    this.root = h("div", { class: "flow", role: "group", "aria-label": `Where does the gradient go? ${this.model.data.title}`, tabindex: "-1" },
      this.controls.element, this.problem, this.netsBox, this.profileBox, this.sideBox, this.transport.element, this.spoken);
    const { height } = this.options;
    if (height === "page") this.root.classList.add("page-high");
    else if (height === "rest") this.atTop = element;
    else if (height) this.root.style.setProperty("--flow-height", `${height}px`);
    this.netsBox.addEventListener("pointerleave", () => this.reader.leave());
    this.netsBox.addEventListener("focusout", () => this.reader.leave());
    this.onKey = keysOf(this);
    this.keyed = this.options.keys ?? this.root;
    this.keyed.addEventListener("keydown", this.onKey);
    element.append(this.root);
    this.makeNets();
  }

  makeNets() {
    const heard = { enter: (item, net) => this.reader.enter(item, net), press: (item) => this.press(item) };
    this.scenes = {};
    this.nets = this.model.nets.map((net, i) => new NetDrawing(net, i, heard));
    this.netsBox.replaceChildren(...this.nets.map((net) => net.svg));
  }

  get scene() {
    const { view } = this.state;
    return (this.scenes[view] ??= this.make[view]());
  }

  open(query) {
    this.player.pause();
    const { state, problems } = fromQuery(query, this.model, momentsOf);
    this.state = state;
    this.problem.hidden = !problems.length;
    say(this.problem, problems.join(" "));
    this.draw();
  }

  /** Part of the view changes; what moves with the player is repainted, all else drawn anew. */
  change(patch) {
    const moved = Object.keys(patch).every((name) => ["step", "at", "alpha"].includes(name));
    this.state = { ...this.state, ...patch };
    const phase = "at" in patch && this.scene.frame(this.state).title !== this.frame.title; // other axes
    if (moved && !phase) this.paint();
    else this.draw();
    if (!this.player.playing) this.rest();
  }

  update(data) {
    const runs = String(this.model.nets.map((net) => net.run));
    this.model.take(data);
    tellApart(this.model.nets);
    const same = runs === String(this.model.nets.map((net) => net.run));
    if (!viewsOf(this.model).includes(this.state.view)) this.state.view = "training";
    if (same) this.nets.forEach((net, i) => (net.net = this.model.nets[i]));
    else {
      this.makeNets();
      return this.open("");
    }
    this.draw(false);
  }

  /** Everything, for the present size. `netsToo` is false where only rows were appended. */
  draw(netsToo = true) {
    const still = this.state.view === "training" && this.model.moments.length < 2; // nothing to play
    fit(this.root, this.options.theme, { single: this.nets.length === 1, still });
    this.frame = this.scene.frame(this.state);
    this.controls.draw(this.model, this.state, this.scene);
    if (this.sideBox.firstChild !== this.scene.side[0]) this.sideBox.replaceChildren(...this.scene.side);
    this.root.dataset.view = this.state.view;
    const held = focused(this.root)?.closest?.(".unit");
    const { width, height } = sizeOf(this.netsBox);
    if (netsToo && width) this.nets.forEach((net) => net.draw(width, Math.floor(height / this.nets.length) - 2, this.state.open));
    if (width) this.drawProfile();
    if (width) this.scene.drawSide(this.state, this.frame, this.reader.read());
    this.transport.draw(this.scene.transport(this.state), this.state);
    if (width) this.paint();
    this.reader.rove();
    if (held && !held.isConnected) this.reader.refocus();
  }

  drawProfile() {
    const { width, height } = sizeOf(this.profileBox);
    this.profile.draw(width, height, { ...this.frame, layouts: this.nets.map((net) => net.layout) });
    this.profile.drawGhosts(this.frame.ghosts);
    this.profile.drawOverlay(this.frame.overlay);
  }

  /** What moves: colours, lines, cursors, values. */
  paint() {
    if (!this.nets[0].layout) return;
    const { state, player } = this;
    this.frame = this.scene.frame(state);
    this.nets.forEach((net, i) => {
      net.paint(this.frame.fills[i]);
      net.tell(this.frame.figures[i]);
      net.turn(this.frame.arcs?.net === i ? this.frame.arcs : null);
    });
    this.profile.paint(this.frame.lines);
    if (this.frame.overlay.length) this.profile.drawOverlay(this.frame.overlay);
    this.transport.paint(this.scene.transport(state), player.playing);
    this.scene.paintSide(state, this.frame, this.reader.read());
    this.reader.mark();
    if (!player.playing) this.describe();
  }

  describe() {
    const { frame } = this;
    this.nets.forEach((net, i) => net.describe({ ...frame.fills[i], label: frame.label, text: frame.text }));
    this.profile.describe(frame.summary);
    say(this.spoken, frame.summary);
  }

  /** A folded part opens. A unit is pinned, or let go; in slow motion it is gone to. */
  press(item) {
    if (item.folded) return this.change({ open: addressOf(item) });
    if (this.state.view === "update" && item.from >= 0) {
      const phase = this.state.at.startsWith("forward") ? "forward" : "backward";
      return this.change({ at: `${phase}.${item.block.name}` });
    }
    const [{ pins, view, unit }, { name }] = [this.state, item.block];
    const kept = pins.includes(name) ? pins.filter((pin) => pin !== name) : [...pins, name].slice(-4);
    const alone = view === "dial" && unit && item.from >= 0; // the dial goes to it
    return this.change(alone ? { pins: kept, unit: unit === name ? "" : name } : { pins: kept });
  }

  toggle() {
    this.player.toggle();
    this.transport.showPlaying(this.player.playing);
  }

  seek(value) {
    this.player.pause();
    this.change(this.scene.patch(value, this.state));
  }

  step(way) {
    const { stops, value } = this.scene.transport(this.state);
    const next = neighbour(stops, value, way);
    if (next !== null) this.seek(next);
    else this.player.pause();
  }

  end(first) {
    const { stops } = this.scene.transport(this.state);
    this.seek(first ? stops[0] : stops.at(-1));
  }

  /** The host hears of the view once it rests. */
  rest() {
    this.transport.showPlaying(this.player.playing);
    if (this.player.playing) return;
    this.describe();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => !this.player.playing && this.options.onState?.(toQuery(this.state), structuredClone(this.state)), REST);
  }

  resized() {
    const { width, height } = this.root.getBoundingClientRect();
    const size = `${Math.round(width)}×${Math.round(height)}`;
    if (size !== this.size) this.draw();
    this.size = size;
  }

  destroy() {
    this.player.pause();
    clearTimeout(this.resting);
    this.observer.disconnect();
    this.scheme.removeEventListener("change", this.rethemed);
    this.keyed.removeEventListener("keydown", this.onKey);
    this.root.remove();
  }
}
