// How is each state shown? By a sign, a word and a colour, so that none of them is needed alone.

import { drawing, el, mark, put } from "./dom.js";

const CHECK = "M1.5 6.5 L4.5 9.5 L10.5 2.5";
const CROSS = "M2 2 L10 10 M10 2 L2 10";
const TRIANGLE = "M6 1.5 L11 10.5 L1 10.5 Z M6 5 L6 7.5";
const RING = "M6 1.5 A4.5 4.5 0 1 1 5.99 1.5 Z";
const BARRED = `${RING} M2.8 9.2 L9.2 2.8`;
const DOWN = "M6 1 L6 10 M2 6.5 L6 10.5 L10 6.5";
const DRAIN = "M1 2 L11 2 L7 6.5 L7 11 L5 11 L5 6.5 Z";
const SQUARE = "M2 2 L10 2 L10 10 L2 10 Z M4.5 4.5 L7.5 4.5 M4.5 7.5 L7.5 7.5";
const AWAY = "M3 9 L10 2 M5 2 L10 2 L10 7";
const LOOP = "M9.5 3.5 A4.3 4.3 0 1 0 10.3 6 M10.5 0.8 L9.7 4 L6.6 3.4";
const DASH = "M2 6 L10 6";
const DOTS = "M2 6 L3 6 M5.5 6 L6.5 6 M9 6 L10 6";

/** What each word of the API is shown as: words, sign, colour. */
const STATES = {
  ok: ["ok", CHECK, "green"],
  degraded: ["degraded", TRIANGLE, "orange"],
  failing: ["failing", CROSS, "vermillion"],
  "no-endpoints": ["no endpoints", RING, "purple"],
  "not-bound": ["not bound", BARRED, "vermillion"],
  unsupported: ["unsupported", DASH, ""],
  ready: ["ready", CHECK, "green"],
  ejected: ["ejected", CROSS, "vermillion"],
  down: ["down", DOWN, "vermillion"],
  draining: ["draining", DRAIN, "orange"],
  full: ["full", SQUARE, "yellow"],
  "not-ready": ["not ready", RING, "sky"],
  elsewhere: ["elsewhere", AWAY, ""],
  loop: ["loop", LOOP, "purple"],
  listening: ["listening", CHECK, "green"],
  failed: ["failed", BARRED, "vermillion"],
  connecting: ["connecting", DOTS, "sky"],
  open: ["open", CHECK, "green"],
  closed: ["closed", DASH, ""],
  live: ["live", CHECK, "green"],
  stale: ["stale", CROSS, "vermillion"],
  warning: ["warning", TRIANGLE, "orange"],
  info: ["info", DASH, ""],
  ACCEPT: ["accepted", CHECK, "green"],
  REJECT: ["rejected", CROSS, "vermillion"],
  DROP: ["dropped", BARRED, "purple"],
  NONE: ["none of weir's", DASH, ""],
  full_: ["nearly full", SQUARE, "yellow"],
};

/** States of Service ports, from the worst. */
export const SERVICE_STATES = ["not-bound", "failing", "no-endpoints", "degraded", "unsupported", "ok"];
/** States of endpoints, from the worst. */
export const ENDPOINT_STATES = ["ejected", "down", "loop", "full", "draining", "not-ready", "elsewhere", "ready"];

/** All states there are. */
export const ALL_STATES = Object.keys(STATES);

/** The words of a state; one that is not known is its own word. */
export function words(state) {
  return STATES[state]?.[0] ?? state;
}

/** Makes the sign of a state, which `set` changes. */
export function badge(state = null) {
  const path = drawing("path", { d: DASH });
  const word = el("span");
  const node = el("span", { class: "state" }, drawing("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, path), word);
  const set = (next) => {
    const [text, sign, colour] = STATES[next] ?? [String(next), DOTS, ""];
    put(word, text);
    mark(path, "d", sign);
    mark(node, "class", `state ${colour}`.trim());
    mark(node, "data-state", next);
  };
  if (state !== null) set(state);
  return { node, set };
}
