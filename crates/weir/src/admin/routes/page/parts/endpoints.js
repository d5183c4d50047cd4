// What does a row about an endpoint show? Above all why it is or is not picked.

import { clock, count, delay, odds, ofLimit, rate, since } from "../show/format.js";
import { el, put, show } from "../show/dom.js";
import { spark, Store } from "../show/series.js";
import { badge } from "../show/states.js";
import { lines } from "../show/table.js";

const [ACTIVE, PICKED] = [0, 1];

/** What the words of the API mean. */
const REASONS = {
  override: "an operator said so",
  weight: "its weight is 0",
  terminating: "terminating",
  "not-ready": "not ready",
  terminated: "terminated",
  "other-node": "on another node",
  "other-node-hint": "hinted to another node",
  "other-zone-hint": "hinted to another zone",
  loop: "weir itself serves the address",
  limit: "at its limit",
  full: "at its limit",
};

/** The key of an endpoint of a Service port. */
export function key(item) {
  return `${item.namespace}/${item.service}:${item.port}/${item.protocol} ${item.endpoint}`;
}

/** What the page has seen of endpoints. */
export class SeenEndpoints {
  constructor() {
    this.store = new Store();
    this.now = Date.now();
  }

  /** Hears of an answer. */
  add(list) {
    this.now = Date.parse(list.metadata.time);
    for (const item of list.items) {
      const { active, pickedTotal } = item.connections;
      this.store.add(key(item), this.now / 1000, [active, pickedTotal], [PICKED]);
    }
  }

  of(item) {
    return this.store.of(key(item));
  }
}

/** Columns of a table of endpoints. @param {SeenEndpoints} seen */
export function columns(seen) {
  return [
    { label: "Endpoint", sort: "name", grows: true, cell: identity },
    { label: "State", sort: "state", roomy: true, cell: state(seen) },
    { label: "Is it picked?", roomy: true, cell: picks },
    { label: "Now / most / limit", sort: "connections", figures: true, cell: active(seen) },
    { label: "Picked", sort: "picked", figures: true, cell: lines(
      (item) => rate(seen.of(item).rate(PICKED)), (item) => `${count(item.connections.pickedTotal)} in all`) },
    { label: "Failures", sort: "failures", figures: true, cell: lines((item) => count(item.failures.total), last(seen), ejections(seen)) },
    { label: "Connect time", sort: "connectTime", figures: true, cell: lines(
      (item) => delay(item.connectTime?.meanSeconds), (item) => (item.connectTime ? `at most ${delay(item.connectTime.peakSeconds)}` : "")) },
    { label: "Round trip", figures: true, cell: lines(
      (item) => delay(item.detail?.rttSeconds), worstTrip, resent) },
  ];
}

function identity(cell) {
  const [address, place] = [el("div", { class: "mono" }), el("div", { class: "quiet" })];
  cell.append(address, place);
  return (item) => {
    put(address, item.endpoint);
    put(place, [`${item.port} ${item.protocol}`, item.node, item.zone].filter(Boolean).join(", "));
  };
}

function state(seen) {
  return (cell) => {
    const sign = badge();
    const override = el("span", { class: "override" });
    const quiet = () => el("div", { class: "quiet" });
    const [begun, why, resort] = [quiet(), quiet(), quiet()];
    put(resort, "used all the same: too few others are left");
    cell.append(sign.node, " ", override, begun, why, resort);
    return (item) => {
      sign.set(item.state);
      put(override, overridden(item, seen.now));
      show(override, item.override !== null);
      put(begun, since(item.since, seen.now));
      show(begun, Boolean(item.since));
      put(why, item.message ?? "");
      show(why, item.message !== null);
      show(resort, item.lastResort);
    };
  };
}

function overridden({ override, weight }, now) {
  if (override === null) return "";
  const what = override.drain ? "drain" : `weight ${override.weight ?? weight}`;
  return `override: ${what}, set ${clock(override.setAt, now)} by ${override.by}`;
}

function picks(cell) {
  const weight = el("div", { class: "quiet" });
  const nodes = [el("div"), el("div")];
  cell.append(...nodes, weight);
  return (item) => {
    nodes.forEach((node, index) => {
      const pick = item.picks[index];
      show(node, pick !== undefined);
      if (pick) put(node, picked(pick, item.picks.length > 1));
    });
    put(weight, `weight ${count(item.weight)}`);
  };
}

function picked({ traffic, eligible, reason, odds: chance }, isNamed) {
  const kind = isNamed ? `${traffic} traffic: ` : "";
  return eligible ? `✓ ${kind}yes, ${odds(chance)}` : `✗ ${kind}no, ${REASONS[reason] ?? reason ?? "not said why"}`;
}

function active(seen) {
  return (cell) => {
    const number = el("div", { class: "number" });
    const line = spark();
    cell.append(number, line.node);
    return (item) => {
      const { active, max, limit } = item.connections;
      put(number, ofLimit(active, max, limit));
      line.set(seen.of(item).line(ACTIVE, false));
    };
  };
}

function last(seen) {
  return ({ failures }) => (failures.last === null ? "" : `${failures.last} at ${clock(failures.lastAt, seen.now)}`);
}

function ejections(seen) {
  return ({ ejections }) => {
    if (ejections.total === 0) return "";
    return `${count(ejections.total)} ejection${ejections.total === 1 ? "" : "s"}, last at ${clock(ejections.lastAt, seen.now)}`;
  };
}

function worstTrip({ detail }) {
  return detail ? `at most ${delay(detail.rttMaxSeconds)}` : "";
}

function resent({ detail }) {
  return detail ? `${count(detail.retransmits)} retransmits` : "";
}
