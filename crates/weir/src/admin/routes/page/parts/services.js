// What does a row about a Service port show?

import { toService } from "../ask/view.js";
import { byteRate, bytes, count, delay, ofLimit, rate, since } from "../show/format.js";
import { el, mark, put, show } from "../show/dom.js";
import { spark, Store } from "../show/series.js";
import { badge } from "../show/states.js";
import { lines } from "../show/table.js";

/** Places in a sample of a Service port. */
const [ACTIVE, OPENED, TO_ENDPOINT, TO_CLIENT, FAILED, REJECTED] = [0, 1, 2, 3, 4, 5];
/** Places that only grow. */
const COUNTERS = [OPENED, TO_ENDPOINT, TO_CLIENT, FAILED, REJECTED];

/** The name of a Service port, by which it is known. */
export function name(item) {
  return `${item.namespace}/${item.service}:${item.port}/${item.protocol}`;
}

/** What the page has seen of Service ports. */
export class SeenServices {
  constructor() {
    this.store = new Store();
    this.now = Date.now();
  }

  /** Hears of an answer. */
  add(list) {
    this.now = Date.parse(list.metadata.time);
    for (const item of list.items) {
      const { connections, bytes: moved } = item;
      const values = [connections.active, connections.openedTotal, moved.toEndpointTotal, moved.toClientTotal,
        connections.failedTotal, connections.rejectedTotal];
      this.store.add(name(item), this.now / 1000, values, COUNTERS);
    }
  }

  of(item) {
    return this.store.of(name(item));
  }
}

/** Columns of a table of Service ports. @param {SeenServices} seen */
export function columns(seen) {
  return [
    { label: "Service", sort: "name", grows: true, cell: identity },
    { label: "State", sort: "state", roomy: true, cell: state(seen) },
    { label: "Endpoints", sort: "endpoints", figures: true, cell: lines(endpoints, otherEndpoints) },
    { label: "Now / most / limit", sort: "connections", figures: true, cell: active(seen) },
    { label: "New connections", sort: "opened", figures: true, cell: lines((item) => rate(seen.of(item).rate(OPENED)), opened) },
    { label: "Traffic", sort: "bytes", figures: true, cell: lines(
      (item) => `↓ ${byteRate(seen.of(item).rate(TO_CLIENT))}`,
      (item) => `↑ ${byteRate(seen.of(item).rate(TO_ENDPOINT))}`,
      (item) => `${bytes(item.bytes.toClientTotal + item.bytes.toEndpointTotal)} in all`) },
    { label: "Failures", sort: "failures", figures: true, cell: lines(failures, lately(seen), refusals, attempts, ejections) },
    { label: "Connect time", figures: true, widest: true, cell: lines((item) => delay(item.connectTime.p50Seconds), slowest) },
    { label: "Balancing", wide: true, cell: lines((item) => item.balance, policies, address) },
  ];
}

function identity(cell) {
  const link = el("a");
  const port = el("div", { class: "quiet" });
  cell.append(link, port);
  return (item) => {
    put(link, `${item.namespace}/${item.service}`);
    mark(link, "href", toService(item.namespace, item.service));
    const number = item.port === String(item.portNumber) ? "" : ` (${item.portNumber})`;
    put(port, `${item.port}${number} ${item.protocol}`);
  };
}

function state(seen) {
  return (cell) => {
    const sign = badge();
    const [reason, begun] = [el("div", { class: "quiet" }), el("div", { class: "quiet" })];
    cell.append(sign.node, reason, begun);
    return (item) => {
      sign.set(item.state);
      put(reason, item.reason ?? "");
      show(reason, item.reason !== null);
      put(begun, since(item.since, seen.now));
      show(begun, item.since !== null);
    };
  };
}

function endpoints({ endpoints }) {
  return `${count(endpoints.ready)} of ${count(endpoints.total)}`;
}

function otherEndpoints({ endpoints }) {
  const kinds = [["ejected", "ejected"], ["down", "down"], ["draining", "draining"], ["full", "full"],
    ["notReady", "not ready"], ["elsewhere", "elsewhere"], ["loop", "loop"]];
  return kinds.filter(([key]) => endpoints[key] > 0).map(([key, word]) => `${count(endpoints[key])} ${word}`).join(", ");
}

function active(seen) {
  return (cell) => {
    const number = el("div", { class: "number" });
    const line = spark();
    const waiting = el("div", { class: "quiet" });
    cell.append(number, line.node, waiting);
    return (item) => {
      const { active, most, limit, waiting: queued } = item.connections;
      const series = seen.of(item);
      put(number, ofLimit(active, Math.max(most ?? series.most(ACTIVE), active), limit));
      line.set(series.line(ACTIVE, false));
      const unit = item.protocol === "UDP" ? "flows" : "";
      put(waiting, [unit, queued > 0 ? `${count(queued)} wait` : ""].filter(Boolean).join(", "));
      show(waiting, waiting.textContent !== "");
    };
  };
}

function opened(item) {
  return `${count(item.connections.openedTotal)} in all`;
}

function failures(item) {
  return count(item.connections.failedTotal);
}

function lately(seen) {
  return (item) => {
    const grown = seen.of(item).growth(FAILED, 60);
    return grown > 0 ? `${count(grown)} in 1 min` : "";
  };
}

function refusals(item) {
  const { rejectedTotal } = item.connections;
  const dropped = item.datagrams.droppedTotal;
  return [rejectedTotal > 0 ? `${count(rejectedTotal)} refused at a limit` : "", dropped > 0 ? `${count(dropped)} datagrams dropped` : ""]
    .filter(Boolean).join(", ");
}

function attempts({ connections: { retriedTotal, hedgedTotal } }) {
  return [retriedTotal > 0 ? `${count(retriedTotal)} retried` : "", hedgedTotal > 0 ? `${count(hedgedTotal)} hedged` : ""]
    .filter(Boolean).join(", ");
}

function ejections({ endpoints: { ejectionsTotal } }) {
  return ejectionsTotal > 0 ? `${count(ejectionsTotal)} ejection${ejectionsTotal === 1 ? "" : "s"}` : "";
}

function slowest({ connectTime: { p99Seconds } }) {
  return p99Seconds === null ? "" : `99 % within ${delay(p99Seconds)}`;
}

function policies(item) {
  const local = [item.internalTrafficPolicy === "Local" ? "internal" : "", item.externalTrafficPolicy === "Local" ? "external" : ""]
    .filter(Boolean);
  return [item.affinitySeconds === null ? "" : `affinity ${count(item.affinitySeconds)} s`, local.length ? `Local: ${local.join(", ")}` : ""]
    .filter(Boolean).join("; ");
}

function address(item) {
  return [item.clusterIPs.join(", "), item.nodePort === null ? "" : `node port ${item.nodePort}`].filter(Boolean).join("; ");
}
