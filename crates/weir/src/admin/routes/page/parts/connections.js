// What does a row about a connection or a flow show?

import { byteRate, bytes, clock, count, delay, span } from "../show/format.js";
import { el, put, show } from "../show/dom.js";
import { Store } from "../show/series.js";
import { badge } from "../show/states.js";
import { lines } from "../show/table.js";

const [TO_ENDPOINT, TO_CLIENT] = [0, 1];

/** What the page has seen of connections. */
export class SeenConnections {
  constructor() {
    this.store = new Store();
    this.now = Date.now();
  }

  /** Hears of an answer. */
  add(list) {
    this.now = Date.parse(list.metadata.time);
    for (const item of list.items) {
      if (item.state === "closed") continue;
      const values = [item.bytesToEndpoint ?? item.datagramsToEndpoint, item.bytesToClient ?? item.datagramsToClient];
      this.store.add(item.id, this.now / 1000, values, [TO_ENDPOINT, TO_CLIENT]);
    }
  }

  of(item) {
    return this.store.of(item.id);
  }
}

/** Columns of a table of connections. @param {SeenConnections} seen */
export function columns(seen) {
  const opened = (item) => clock(item.openedAt, seen.now);
  return [
    { label: "Client", cell: client },
    { label: "Endpoint", cell: endpoint },
    { label: "State", cell: state },
    { label: "Duration", sort: "duration", figures: true, cell: lines((item) => span(item.durationSeconds), (item) => `from ${opened(item)}`) },
    { label: "Idle", sort: "idle", figures: true, cell: lines((item) => span(item.idleSeconds)) },
    { label: "Bytes", sort: "bytes", figures: true, cell: lines(moved(seen, "↓", "bytesToClient", TO_CLIENT), moved(seen, "↑", "bytesToEndpoint", TO_ENDPOINT)) },
    { label: "Connect time", figures: true, cell: lines((item) => delay(item.connectSeconds), attempts) },
    { label: "Round trip", figures: true, cell: lines(trip("client"), trip("endpoint"), resent) },
  ];
}

/** Columns of a table of UDP flows. @param {SeenConnections} seen */
export function flowColumns(seen) {
  return [
    { label: "Client", cell: client },
    { label: "Endpoint", cell: endpoint },
    { label: "Duration", figures: true, cell: lines((item) => span(item.durationSeconds), (item) => `from ${clock(item.openedAt, seen.now)}`) },
    { label: "Idle", figures: true, cell: lines((item) => span(item.idleSeconds)) },
    { label: "Datagrams", figures: true, cell: lines(
      (item) => `↓ ${count(item.datagramsToClient)}`, (item) => `↑ ${count(item.datagramsToEndpoint)}`) },
    { label: "Assured", cell: lines((item) => (item.assured ? "✓ yes" : "✗ not yet")) },
  ];
}

function moved(seen, arrow, key, place) {
  return (item) => {
    const rate = item.state === "closed" ? null : seen.of(item).rate(place);
    return `${arrow} ${bytes(item[key])}${rate ? ` (${byteRate(rate)})` : ""}`;
  };
}

function client(cell) {
  const [address, via] = [el("div", { class: "mono" }), el("div", { class: "quiet" })];
  cell.append(address, via);
  return (item) => {
    put(address, item.client);
    put(via, item.via ? `via ${item.via}` : "");
    show(via, Boolean(item.via));
  };
}

function endpoint(cell) {
  const [address, place] = [el("div", { class: "mono" }), el("div", { class: "quiet" })];
  cell.append(address, place);
  return (item) => {
    put(address, item.endpoint ?? "none yet");
    put(place, [`${item.port} ${item.protocol}`, item.node].filter(Boolean).join(", "));
  };
}

function state(cell) {
  const sign = badge();
  const why = el("div", { class: "quiet" });
  cell.append(sign.node, why);
  return (item) => {
    sign.set(item.state);
    put(why, item.reason ? item.reason.replaceAll("_", " ") : "");
    show(why, Boolean(item.reason));
  };
}

function attempts({ attempts }) {
  return attempts > 1 ? `${count(attempts)} attempts` : "";
}

function trip(side) {
  return ({ detail }) => {
    const told = detail?.[side];
    return told ? `${side} ${delay(told.rttSeconds)}` : side === "client" ? "–" : "";
  };
}

function resent({ detail }) {
  if (!detail) return "";
  const sum = (detail.client?.retransmits ?? 0) + (detail.endpoint?.retransmits ?? 0);
  return `${count(sum)} retransmits`;
}
