// How are numbers and times written for people?

const NONE = "–";
const SECOND = 1000;

/** A count, with its thousands apart. */
export function count(value) {
  return value === null || value === undefined ? NONE : Math.round(value).toLocaleString("en-US");
}

/** A number with few digits, and the unit's prefix where it is large. */
function short(value, step, prefixes) {
  let power = 0;
  while (Math.abs(value) >= step * 0.9995 && power < prefixes.length - 1) {
    value /= step;
    power += 1;
  }
  const digits = value === 0 || Math.abs(value) >= 100 || (power === 0 && Number.isInteger(value)) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits) + prefixes[power];
}

/** A number of bytes. */
export function bytes(value) {
  return value === null || value === undefined ? NONE : short(value, 1024, [" B", " KiB", " MiB", " GiB", " TiB", " PiB"]);
}

/** A rate per second; `null` while it is not known. */
export function rate(value) {
  return value === null || value === undefined ? NONE : `${short(value, 1000, ["", " k", " M", " G"])}/s`;
}

/** Bytes per second. */
export function byteRate(value) {
  return value === null || value === undefined ? NONE : `${bytes(Math.round(value))}/s`;
}

/** A time that something takes, in seconds. */
export function delay(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds >= 1) return `${seconds.toFixed(seconds >= 10 ? 0 : 1)} s`;
  if (seconds >= 0.001) return `${short(seconds * 1000, 1e9, [""])} ms`;
  return `${Math.round(seconds * 1e6)} µs`;
}

/** How long something lasts, in seconds: its two greatest units. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([size]) => whole >= size);
  if (first < 0) return "0 s";
  let rest = whole;
  const words = [];
  for (const [size, unit] of parts.slice(first, first + 2)) {
    const times = Math.floor(rest / size);
    rest %= size;
    if (times > 0) words.push(`${times} ${unit}`);
  }
  return words.join(" ");
}

/** A moment as a clock of here shows it, with the day if it is not the day of `now`. */
export function clock(text, now = Date.now()) {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) return NONE;
  const shown = time.toLocaleTimeString("en-GB");
  return time.toDateString() === new Date(now).toDateString() ? shown : `${time.toLocaleDateString("en-CA")} ${shown}`;
}

/** When something began and how long ago that is. */
export function since(text, now) {
  if (!text) return "";
  return `since ${clock(text, now)} (${span((now - Date.parse(text)) / SECOND)})`;
}

/** A chance, from 0 to 1. */
export function odds(value) {
  if (value === null || value === undefined) return "odds hang on the client";
  const percent = value * 100;
  return `odds ${percent === 0 || percent >= 10 ? percent.toFixed(0) : percent.toPrecision(2)} %`;
}

/** What there is, the most there was, and the most there may be. */
export function ofLimit(now, most, limit) {
  return `${count(now)} / ${count(most)} / ${limit === null || limit === undefined ? "∞" : count(limit)}`;
}
