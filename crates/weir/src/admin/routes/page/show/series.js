// How did counters of the last minutes go? Kept in this page only, from what weir has told it.

import { drawing, mark } from "./dom.js";

/** Time that is kept, in seconds. */
const KEPT = 300;
/** Time that a line shows at least, in seconds. */
const SHOWN = 30;
/** Time over which a rate is taken, in seconds: totals lag by up to one. */
const WINDOW = 5;
/** Things that are kept at most; those not seen for the longest go first. */
const MOST = 1000;

/** Samples of one thing. */
export class Series {
  constructor() {
    /** @type {{time: number, values: number[]}[]} */
    this.samples = [];
  }

  /** Adds what was seen at a time, in seconds. A counter that went back belongs to another process: all begins anew. */
  add(time, values, counters) {
    const last = this.samples.at(-1);
    if (last && time <= last.time) return;
    if (last && counters.some((index) => values[index] < last.values[index])) this.samples = [];
    this.samples.push({ time, values });
    while (this.samples[0].time < time - KEPT) this.samples.shift();
  }

  /** What a counter grew by each second; `null` before there are two samples. */
  rate(index, window = WINDOW) {
    const last = this.samples.at(-1);
    // Where answers are rarer than that, the one before has to do.
    const first = this.samples.slice(0, -1).find((sample) => sample.time >= last.time - window) ?? this.samples.at(-2);
    return first ? (last.values[index] - first.values[index]) / (last.time - first.time) : null;
  }

  /** What a counter grew by in this time, in seconds. */
  growth(index, window) {
    const last = this.samples.at(-1);
    const first = last && this.samples.find((sample) => sample.time >= last.time - window);
    return first ? last.values[index] - first.values[index] : 0;
  }

  /** The most of a number that was seen. */
  most(index) {
    return this.samples.reduce((most, sample) => Math.max(most, sample.values[index]), 0);
  }

  /** A line of a number, or of the rate of a counter, in a field of 100 by 20. */
  line(index, isRate) {
    const points = isRate ? this.rates(index) : this.samples.map((sample) => [sample.time, sample.values[index]]);
    if (points.length < 2) return "M0 19 L100 19";
    const end = points.at(-1)[0];
    const shown = Math.max(SHOWN, end - points[0][0]);
    const most = points.reduce((most, [, value]) => Math.max(most, value), 0) || 1;
    const at = ([time, value]) => `${(100 - ((end - time) / shown) * 100).toFixed(1)} ${(19 - (value / most) * 18).toFixed(1)}`;
    return `M${points.map(at).join(" L")}`;
  }

  rates(index) {
    return this.samples.slice(1).map((sample, place) => {
      const before = this.samples[place];
      return [sample.time, (sample.values[index] - before.values[index]) / (sample.time - before.time)];
    });
  }
}

/** Series of many things. */
export class Store {
  constructor() {
    /** @type {Map<string, Series>} those seen last at the end */
    this.known = new Map();
  }

  /** Adds a sample of the thing with this key. */
  add(key, time, values, counters) {
    const series = this.known.get(key) ?? new Series();
    this.known.delete(key);
    this.known.set(key, series);
    series.add(time, values, counters);
    if (this.known.size > MOST) this.known.delete(this.known.keys().next().value);
    return series;
  }

  /** The samples of a thing. */
  of(key) {
    return this.known.get(key) ?? new Series();
  }
}

/** Makes a small line without axes; its numbers stand beside it. */
export function spark() {
  const path = drawing("path", { d: "M0 19 L100 19" });
  const node = drawing("svg", { class: "spark", viewBox: "0 0 100 20", preserveAspectRatio: "none", "aria-hidden": "true" }, path);
  return { node, set: (line) => mark(path, "d", line) };
}
