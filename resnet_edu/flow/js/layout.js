// Where stem, units and head are drawn; units fold where they would be too narrow to see and touch.

const NARROWEST = 9; // pixels a unit
const CONTEXT = 36; // pixels of what is folded beside an opened part
const GROUPS = 20; // at most, of one stage

const RIGHT = 62; // pixels for the head and the loss

/** Pixels for the image and the stem, and below them for an axis of this type. */
export const leftOf = (type) => (type > 17 ? 86 : 68);

/** The places of a net's blocks over a width: boxes, the x of every unit and layer, and what is folded. */
export function layoutOf(net, width, open, left) {
  const room = Math.max(60, width - left - RIGHT);
  const pieces = piecesOf(net, room, open);
  const fixed = pieces.reduce((sum, piece) => sum + (piece.context ? CONTEXT : 0), 0);
  const parts = pieces.reduce((sum, piece) => sum + (piece.context ? 0 : piece.to - piece.from), 0);
  const pitch = (room - fixed) / Math.max(1, parts);
  let x = left;
  const items = pieces.map((piece) => {
    const wide = piece.context ? CONTEXT : pitch * (piece.to - piece.from);
    const item = { ...piece, x0: x, x1: x + wide };
    x += wide;
    return boxed(item);
  });
  const stem = { from: -1, to: -1, block: net.blocks[0], x0: left - 22, x1: left - 2, bx0: left - 19, bx1: left - 6 };
  const last = width - RIGHT;
  const head = { from: -2, to: -2, block: net.blocks.at(-1), x0: last, x1: last + 20, bx0: last + 4, bx1: last + 17 };
  const layout = { width, left, items: [stem, ...items, head], pitch, image: 19, loss: width - 20, folded: items.some((i) => i.folded) };
  placeAll(net, layout);
  return layout;
}

/** Folded and single units in order: { from, to } are positions of units, `to` excluded. */
function piecesOf(net, room, open) {
  const count = net.units.length;
  const single = (from, to) => Array.from({ length: to - from }, (_, i) => ({ from: from + i, to: from + i + 1, block: net.units[from + i] }));
  if (count * NARROWEST <= room) return single(0, count);
  const [from, to] = rangeOfOpen(open, count);
  const beside = (from > 0) + (to < count);
  const inside = (to - from) * NARROWEST <= room - beside * CONTEXT ? single(from, to) : groups(net, from, to);
  const fold = (a, b) => (b > a ? [{ from: a, to: b, folded: true, context: true }] : []);
  return [...fold(0, from), ...inside, ...fold(to, count)];
}

function rangeOfOpen(open, count) {
  const [from, to] = open ? open.split("-").map(Number) : [1, count];
  return [Math.min(from - 1, count - 1), Math.min(to, count)];
}

function groups(net, from, to) {
  const starts = net.units.flatMap((unit, i) => (i >= from && i < to && (i === from || unit.stage !== net.units[i - 1].stage) ? [i] : []));
  if (starts.length > 1) return starts.map((start, i) => ({ from: start, to: starts[i + 1] ?? to, folded: true }));
  const size = [2, 5, 10, 20, 50, 100, 200].find((n) => (to - from) / n <= GROUPS) ?? Math.ceil((to - from) / GROUPS);
  const count = Math.ceil((to - from) / size);
  return Array.from({ length: count }, (_, i) => ({ from: from + i * size, to: Math.min(to, from + (i + 1) * size), folded: true }));
}

function boxed(item) {
  const gap = item.folded ? 3 : Math.min(9, Math.max(1.2, (item.x1 - item.x0) * 0.2));
  return { ...item, bx0: item.x0 + gap, bx1: item.x1 - gap };
}

/** `unitX[u]` and `layerX[l]`, the middle of each unit and layer; `itemOf(u)`, which item shows a unit. */
function placeAll(net, layout) {
  layout.unitX = [];
  layout.layerX = [];
  layout.itemOfUnit = [];
  for (const item of layout.items) {
    const blocks = item.from < 0 ? [item.block] : net.units.slice(item.from, item.to);
    const wide = (item.bx1 - item.bx0) / blocks.length;
    blocks.forEach((block, i) => {
      const left = item.bx0 + i * wide;
      if (item.from >= 0) {
        layout.unitX[item.from + i] = left + wide / 2;
        layout.itemOfUnit[item.from + i] = item;
      }
      block.layers.forEach((layer, k) => (layout.layerX[layer] = left + (wide * (k + 0.5)) / block.layers.length));
    });
  }
}

/** "3-12": the address of a folded part. */
export const addressOf = (item) => `${item.from + 1}-${item.to}`;
