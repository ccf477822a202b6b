// Which unit is read: under the pointer, with the focus, or pinned last. One unit can be reached by Tab.

import { focused, set } from "./dom.js";
import { positionOf } from "./training.js";

export class Reader {
  constructor(picture) {
    this.picture = picture;
    this.item = null;
    this.roved = null;
  }

  /** The item that is read, with its net; null when there is none. */
  read() {
    if (this.item) return this.item;
    const { state, nets, frame } = this.picture;
    const pin = (state.view === "dial" && state.unit) || state.pins.at(-1);
    const net = frame?.arcs?.net ?? 0;
    const item = pin && nets[net].layout ? nets[net].itemNamed(pin) : null;
    return item?.block ? { ...item, net } : null;
  }

  enter(item, net) {
    this.item = { ...item, net };
    this.roved = { net, from: item.from };
    this.show();
  }

  leave() {
    if (!this.item || this.focusedUnit()) return;
    this.item = null;
    this.show();
  }

  /** What is above a place of the profile. */
  near(x) {
    const item = this.picture.nets[0].layout?.items.find(({ x0, x1 }) => x >= x0 && x < x1);
    if (item) this.enter(item, 0);
  }

  show() {
    const { scene, state, frame } = this.picture;
    scene.paintSide(state, frame, this.read());
    this.mark();
  }

  /** Outlines in the nets, cursor and points in the profile. */
  mark() {
    const { nets, model, frame, state, profile } = this.picture;
    const name = frame.at ?? this.item?.block?.name ?? null;
    nets.forEach((net, i) => net.mark(name, ...pinsOf(state, frame.arcs?.net === i)));
    const item = name ? nets[0].itemNamed(name) : this.read();
    const read = name ?? item?.block?.name;
    const unit = name ? model.nets[0].units.findIndex((each) => each.name === name) : -1;
    const x = unit >= 0 ? nets[0].layout.unitX[unit] : item?.block ? (item.bx0 + item.bx1) / 2 : null;
    profile.mark(x, frame.lines, (line) => positionsOf(model.nets[line.net], read, line.per));
  }

  focusedUnit() {
    return focused(this.picture.root)?.closest?.(".unit") ?? null;
  }

  /** Gives one unit the place in the order of Tab: { all, here }. */
  rove() {
    const all = this.picture.nets.flatMap(({ groups = [] }, net) => groups.map((each) => ({ ...each, net })));
    const here = all.find(({ item, net }) => net === this.roved?.net && item.from === this.roved?.from) ?? all[0];
    for (const { group } of all) set(group, { tabindex: group === here?.group ? "0" : "-1" });
    return { all, here };
  }

  refocus() {
    this.rove().here?.group.focus({ preventScroll: true });
  }

  /** Left and right along a net, up and down between the nets. */
  moveFocus(key) {
    const { all, here } = this.rove();
    const own = all.filter(({ net }) => net === here.net);
    const i = own.indexOf(here);
    const other = all.filter(({ net }) => net === here.net + ({ ArrowUp: -1, ArrowDown: 1 }[key] ?? 0));
    const along = { ArrowLeft: own[i - 1], ArrowRight: own[i + 1], Home: own[0], End: own.at(-1) };
    const next = key in along ? along[key] : other[Math.min(i, other.length - 1)];
    if (!next) return;
    next.group.focus();
    this.rove();
  }
}

/** Which blocks have a mark, and the marks: traces in a training, the dialled net's unit for α. */
function pinsOf({ view, pins, unit }, dialled) {
  if (view === "training") return [pins, "ABCDEFGH"];
  return [dialled ? [unit || pins.at(-1)].filter(Boolean) : [], "α"];
}

/** The positions of a block's values on a line. */
function positionsOf(net, name, per) {
  if (!name) return [];
  if (per === "unit") return [positionOf(net, name, per)].filter((i) => i !== null);
  return net.blocks.find((block) => block.name === name)?.layers ?? [];
}
