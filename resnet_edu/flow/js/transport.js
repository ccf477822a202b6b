// The player's bar: play, step, scrub, speed, loop. It scrubs whatever the view goes through.

import { h, onDrag, say, set } from "./dom.js";
import { clamp, lastUpTo } from "./numbers.js";
import { SPEEDS } from "./state.js";

const ICONS = {
  first: "M5 4v12M17 4l-9 6 9 6z", back: "M14 4l-9 6 9 6z", play: "M5 3l12 7-12 7z",
  pause: "M5 3h4v14H5zM11 3h4v14h-4z", forth: "M6 4l9 6-9 6z", last: "M15 4v12M3 4l9 6-9 6z", loop: "M4 8a5 5 0 0 1 5-4h6m-3-3l3 3-3 3M16 12a5 5 0 0 1-5 4H5m3 3l-3-3 3-3",
};
const MOST_MARKS = 400;
const FASTEST = 1 / 20; // seconds between changes of what readers of the page's text are told

export class Transport {
  /** `act` has seek(value), toggle(), step(±1), end(first), speed(x), loop(on). */
  constructor(act) {
    this.act = act;
    this.play = button("play", "Play", () => act.toggle());
    this.fill = h("div", { class: "fill" });
    this.thumb = h("div", { class: "thumb" });
    this.marks = h("canvas", { class: "scrub-marks", "aria-hidden": "true" });
    this.scrub = h("div", { class: "scrub", role: "slider", tabindex: "0" }, h("div", { class: "groove" }, this.fill), this.marks, this.thumb);
    this.text = h("span", { class: "now" });
    this.note = h("span", { class: "when" });
    this.speed = h("select", { "aria-label": "Speed", change: () => act.speed(Number(this.speed.value)) }, ...SPEEDS.map((speed) => h("option", { value: speed }, `${speed} ×`)));
    this.loop = button("loop", "Loop", () => act.loop());
    this.element = h("div", { class: "transport", role: "group", "aria-label": "Player" },
      button("first", "First", () => act.end(true)), button("back", "Step back", () => act.step(-1)), this.play,
      button("forth", "Step forward", () => act.step(1)), button("last", "Last", () => act.end(false)),
      this.scrub, h("div", { class: "clock" }, this.text, this.note), this.speed, this.loop);
    onDrag(this.scrub, (x) => clamp((x - 10) / (this.scrub.clientWidth - 20), 0, 1), (share) => act.seek(this.now.low + share * (this.now.high - this.now.low)));
    this.told = 0;
  }

  draw(now, { speed, loop }) {
    this.now = now;
    set(this.scrub, { "aria-label": now.name, "aria-valuemin": now.low, "aria-valuemax": now.high });
    this.speed.value = String(speed);
    set(this.loop, { "aria-pressed": String(loop) });
    this.drawMarks();
    this.paint(now, false);
  }

  /** A tick for every measured moment; the colour is that of the text. */
  drawMarks() {
    const { low, high, marks } = this.now;
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [this.marks.clientWidth, this.marks.clientHeight];
    if (!width) return;
    Object.assign(this.marks, { width: width * ratio, height: height * ratio });
    const pen = this.marks.getContext("2d");
    pen.scale(ratio, ratio);
    pen.fillStyle = getComputedStyle(this.marks).color;
    const every = Math.max(1, marks.length / MOST_MARKS);
    for (let i = 0; i < marks.length; i += every) {
      const x = 10 + ((marks[Math.floor(i)] - low) / Math.max(1e-9, high - low)) * (width - 20);
      pen.fillRect(x - 0.5, 0, 1, height);
    }
  }

  paint(now, playing) {
    this.now = now;
    const share = now.high > now.low ? (now.value - now.low) / (now.high - now.low) : 0;
    const place = `calc(10px + ${(share * 100).toFixed(2)}% - ${(share * 20).toFixed(1)}px)`;
    this.thumb.style.left = place;
    this.fill.style.width = `${(share * 100).toFixed(2)}%`;
    say(this.text, now.text);
    say(this.note, now.note);
    const time = performance.now() / 1000;
    if (!playing || time - this.told > FASTEST) {
      this.told = time;
      set(this.scrub, { "aria-valuenow": now.value, "aria-valuetext": `${now.text}, ${now.note}` });
    }
    this.showPlaying(playing);
  }

  showPlaying(playing) {
    if (this.playing === playing) return;
    this.playing = playing;
    set(this.play, { "aria-label": playing ? "Pause" : "Play", title: playing ? "Pause (space)" : "Play (space)" });
    set(this.play.querySelector("path"), { d: playing ? ICONS.pause : ICONS.play });
  }
}

/** The stop after (or before) a value, or null at the end. */
export function neighbour(stops, value, way) {
  const i = lastUpTo(stops, value);
  const next = way > 0 ? i + 1 : stops[i] === value ? i - 1 : i;
  return stops[next] ?? null;
}

function button(icon, label, act) {
  const keys = { play: " (space)", back: " (←)", forth: " (→)", first: " (Home)", last: " (End)" }[icon] ?? "";
  const element = h("button", { type: "button", class: `icon ${icon}`, "aria-label": label, title: label + keys, click: act });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  set(svg, { viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" });
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.append(set(path, { d: ICONS[icon] }));
  element.append(svg);
  return element;
}
