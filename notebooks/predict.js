// The guess of a lesson: choose, slide, draw, or a sentence. Traits: kind, options, value.

const HEIGHT = 300, WIDTH = 640, LEFT = 70, RIGHT = 20, TOP = 14, BOTTOM = 52;
const SVG = "http://www.w3.org/2000/svg";
const DASHES = { dash: "10 6", solid: "" };

const node = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  Object.assign(made, attributes);
  made.append(...children);
  return made;
};

const shape = (tag, attributes = {}) => {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

const text = (x, y, words, more = {}) => {
  const made = shape("text", { x, y, fill: "currentColor", "font-size": 14, ...more });
  made.textContent = words;
  return made;
};

function save(model, value) {
  model.set("value", value);
  model.save_changes();
}

function choose(model, el) {
  const { choices, question } = model.get("options");
  const group = "guess-" + Math.random().toString(36).slice(2);
  for (const choice of choices) {
    const input = node("input", { type: "radio", name: group, checked: model.get("value") === choice });
    input.addEventListener("change", () => save(model, choice));
    el.append(node("label", { style: "display:block; padding:4px 0; font-size:15px" }, input, " " + choice));
  }
  el.setAttribute("role", "radiogroup");
  el.setAttribute("aria-label", question);
}

// Between the numbers of an axis and 0 … 1, in equal steps or equal factors.
const scale = ({ between: [low, high], log }) => log
  ? { to: (v) => Math.log(v / low) / Math.log(high / low), from: (s) => low * (high / low) ** s }
  : { to: (v) => (v - low) / (high - low), from: (s) => low + s * (high - low) };

// Quarters of the axis, or powers of ten, every second or third one where there are many.
function ticks({ between: [low, high], log }) {
  if (!log) return [0, 0.25, 0.5, 0.75, 1].map((share) => low + share * (high - low));
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  const every = Math.ceil((last - first + 1) / 8);
  return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => 10 ** (first + i * every));
}

const short = (value) => String(Number(value.toPrecision(2)));

function slide(model, el) {
  const options = model.get("options"), axis = scale(options);
  const begun = model.get("value");
  const said = node("output", { textContent: begun === null ? "no guess yet" : `${short(begun)} ${options.unit}` });
  const input = node("input", { type: "range", min: 0, max: 1, step: 0.01, value: begun === null ? 0.5 : axis.to(begun) });
  input.setAttribute("aria-label", options.question);
  input.style.width = "420px";
  const tell = () => {
    const value = Number(axis.from(Number(input.value)).toPrecision(3));
    said.textContent = `${short(value)} ${options.unit}`;
    input.setAttribute("aria-valuetext", said.textContent);
    save(model, value);
  };
  input.addEventListener("input", tell);
  el.append(node("div", { style: "display:flex; gap:12px; align-items:center; font-size:15px" },
    short(options.between[0]), input, short(options.between[1]), node("strong", {}, said)));
}

function draw(model, el) {
  const options = model.get("options"), axis = scale(options), xs = options.x;
  const span = xs[xs.length - 1] - xs[0] || 1;
  const left = (x) => LEFT + (x - xs[0]) / span * (WIDTH - LEFT - RIGHT);
  const top = (y) => TOP + (1 - axis.to(y)) * (HEIGHT - TOP - BOTTOM);
  const value = { ...(model.get("value") || {}) };
  for (const name of options.curves) value[name] = value[name] || xs.map(() => null);
  let active = options.curves[0], at = 0;

  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: "100%", tabindex: 0, role: "application" });
  svg.setAttribute("aria-label", options.question
    + " Drag to draw. Keys: left and right choose a point, up and down move it.");
  svg.style.cssText = `max-width:${WIDTH}px; touch-action:none; cursor:crosshair`;
  for (const y of ticks(options)) {
    svg.append(shape("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: top(y), y2: top(y), stroke: "gray", opacity: 0.3 }),
      text(LEFT - 8, top(y) + 5, short(y), { "text-anchor": "end" }));
  }
  const every = Math.ceil(xs.length / 8);
  xs.forEach((x, i) => i % every === 0 && svg.append(text(left(x), HEIGHT - BOTTOM + 20, short(x), { "text-anchor": "middle" })));
  svg.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, options.titles[0], { "text-anchor": "middle" }));
  const title = text(0, 0, options.titles[1].replaceAll("<br>", " "), { "text-anchor": "middle" });
  title.setAttribute("transform", `translate(16 ${(HEIGHT - BOTTOM) / 2}) rotate(-90)`);
  svg.append(title);
  const lines = shape("g");
  svg.append(lines);

  const buttons = options.curves.map((name, i) => {
    const button = node("button", { textContent: "draw " + name, type: "button" });
    button.style.cssText = `margin:0 8px 6px 0; font-size:15px; border:2px solid ${options.colours[i]}; border-radius:4px; padding:3px 10px; background:transparent; color:inherit`;
    button.addEventListener("click", () => { active = name; show(); });
    return button;
  });
  const clear = node("button", { textContent: "clear", type: "button" });
  clear.addEventListener("click", () => { for (const name of options.curves) value[name] = xs.map(() => null); keep(); });

  function show() {
    lines.replaceChildren();
    options.curves.forEach((name, i) => {
      buttons[i].setAttribute("aria-pressed", name === active);
      buttons[i].style.fontWeight = name === active ? "700" : "400";
      const points = xs.map((x, j) => [x, value[name][j], j]).filter(([, y]) => y !== null);
      lines.append(shape("polyline", { points: points.map(([x, y]) => `${left(x)},${top(y)}`).join(" "), fill: "none",
        stroke: options.colours[i], "stroke-width": 3, "stroke-dasharray": DASHES[options.dashes[i]] || "" }));
      for (const [x, y, j] of points) lines.append(shape("circle", { cx: left(x), cy: top(y), fill: options.colours[i],
        r: name === active && j === at ? 7 : 4 }));
    });
  }
  // A guess counts when it has all its points: gaps are filled along straight lines.
  function whole(points) {
    const known = points.map((y, i) => i).filter((i) => points[i] !== null);
    if (!known.length) return null;
    return points.map((y, i) => {
      if (y !== null) return y;
      const before = known.filter((k) => k < i).pop(), after = known.find((k) => k > i);
      if (before === undefined) return points[after];
      if (after === undefined) return points[before];
      const share = (xs[i] - xs[before]) / (xs[after] - xs[before]);
      return axis.from(axis.to(points[before]) * (1 - share) + axis.to(points[after]) * share);
    });
  }
  function keep() {
    const drawn = options.curves.map((name) => [name, whole(value[name])]).filter(([, points]) => points);
    save(model, drawn.length ? Object.fromEntries(drawn) : null);
    show();
  }
  function point(event) {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) * WIDTH / box.width;
    const y = (event.clientY - box.top) * HEIGHT / box.height;
    at = xs.reduce((best, each, i) => Math.abs(left(each) - x) < Math.abs(left(xs[best]) - x) ? i : best, 0);
    const share = 1 - (y - TOP) / (HEIGHT - TOP - BOTTOM);
    value[active][at] = axis.from(Math.min(1, Math.max(0, share)));
    show();
  }
  svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); point(event); });
  svg.addEventListener("pointermove", (event) => event.buttons && point(event));
  svg.addEventListener("pointerup", keep);
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: 0.02, ArrowDown: -0.02 }[event.key], moves = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!steps && !moves) return;
    event.preventDefault();
    event.stopPropagation();
    at = Math.min(xs.length - 1, Math.max(0, at + (moves || 0)));
    if (steps) {
      const now = value[active][at] === null ? 0.5 : axis.to(value[active][at]);
      value[active][at] = axis.from(Math.min(1, Math.max(0, now + steps)));
    }
    keep();
  });
  el.append(node("div", {}, ...buttons, clear), svg);
  show();
}

function why(model, el) {
  const area = node("textarea", { rows: 2, value: model.get("value") || "" });
  area.setAttribute("aria-label", "Why? One sentence");
  area.style.cssText = "width:100%; max-width:640px; font:inherit; color:inherit; background:transparent";
  area.addEventListener("keydown", (event) => event.stopPropagation());
  area.addEventListener("change", () => save(model, area.value));
  el.append(node("div", { style: "padding:2px 0" }, node("strong", {}, "Why? "), "One sentence: what explains the difference?"), area);
}

export default {
  render({ model, el }) {
    const { question } = model.get("options");
    if (question) el.append(node("div", { style: "padding:4px 0 8px; font-size:15px" }, node("strong", {}, "Predict. "), question));
    const part = node("div");
    el.append(part);
    ({ choose, slide, draw, why })[model.get("kind")](model, part);
  },
};
