// How the picture looks where it is: dark or light, small or large, and which net has which look.

import { topOf } from "./dom.js";

const SIZES = [[760, "narrow"], [1000, "compact"], [1250, "small"], [1700, "large"], [Infinity, "huge"]]; // pixels below which

/** Sets size and theme of the picture, dark where the text around it is light, and `classes`, { name: on }. */
export function fit(root, theme, classes) {
  for (const [name, on] of Object.entries(classes)) root.classList.toggle(name, on);
  const { width } = root.getBoundingClientRect();
  root.dataset.size = SIZES.find(([most]) => width < most)[1];
  const channels = getComputedStyle(root.parentElement ?? root).color.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0];
  const light = (0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]) / 255;
  root.dataset.theme = theme ?? (light > 0.5 ? "dark" : "light");
}

/** As high as the window below the place where the picture begins; what is above may still be growing. */
export function fillWindow(root, place) {
  const height = () => root.style.setProperty("--flow-height", `calc(100dvh - ${Math.ceil(topOf(place)) + 6}px)`);
  height();
  for (const wait of [100, 400, 1500]) setTimeout(height, wait);
}

/** Plain and residual have their looks; two nets of one kind are told apart by a third. */
export function tellApart(nets) {
  nets.forEach((net, i) => (net.look = i > 0 && net.kind === nets[0].kind ? "second" : net.kind));
}
