// The clock of the player: from stop to stop, so many a second, without a word to the host.

import { lastUpTo } from "./numbers.js";

export class Player {
  /** `transport()` says what is scrubbed; `show(value)` draws a stop; `rested()` is called at a pause. */
  constructor({ transport, settings, show, rested }) {
    Object.assign(this, { transport, settings, show, rested, playing: false, frames: 0 });
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** From the present stop, or from the first when the last is reached. */
  play() {
    const { stops, value } = this.transport();
    if (this.playing || stops.length < 2) return;
    const at = Math.max(0, lastUpTo(stops, value));
    this.position = at >= stops.length - 1 ? 0 : at;
    this.playing = true;
    this.before = null;
    if (this.position === 0) this.show(stops[0]);
    this.request = requestAnimationFrame((time) => this.tick(time));
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.request);
    this.rested();
  }

  tick(time) {
    if (!this.playing) return;
    const { stops, rate } = this.transport();
    const { speed, loop } = this.settings();
    if (this.before !== null) this.position += (Math.min(250, time - this.before) / 1000) * rate * speed;
    this.before = time;
    const last = stops.length - 1;
    if (this.position > last && loop) this.position %= stops.length;
    const i = Math.min(last, Math.floor(this.position));
    if (stops[i] !== this.shown) this.show(stops[i]);
    this.shown = stops[i];
    this.frames += 1;
    if (i === last && !loop) return this.pause();
    this.request = requestAnimationFrame((next) => this.tick(next));
  }
}
