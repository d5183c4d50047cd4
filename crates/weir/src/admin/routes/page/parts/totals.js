// What do the totals of this node say?

import { write } from "../ask/view.js";
import { byteRate, bytes, count, ofLimit, rate, span } from "../show/format.js";
import { el, mark, put } from "../show/dom.js";
import { Series, spark } from "../show/series.js";
import { words } from "../show/states.js";

const [ACTIVE, OPENED, FAILED, FLOWS, FLOWS_OPENED, TO_ENDPOINT, TO_CLIENT, MOVED] = [0, 1, 2, 3, 4, 5, 6, 7];
const COUNTERS = [OPENED, FAILED, FLOWS_OPENED, TO_ENDPOINT, TO_CLIENT, MOVED];

/** Counts of Service ports in the summary, and the states that they count. */
const PORTS = [["notBound", "not-bound"], ["failing", "failing"], ["noEndpoints", "no-endpoints"], ["degraded", "degraded"],
  ["unsupported", "unsupported"], ["ok", "ok"]];
const ENDPOINTS = ["ejected", "down", "loop", "full", "draining", "notReady", "elsewhere"];

/** Tiles with totals. */
export class Totals {
  constructor(parent) {
    this.series = new Series();
    this.tiles = new Map();
    this.list = el("dl", { class: "tiles" });
    parent.append(this.list);
    this.states = new Map(PORTS.map(([key, state]) => {
      const query = new URLSearchParams({ state });
      return [key, el("a", { href: write({ namespace: null, name: null, query }) }, words(state))];
    }));
  }

  tile(label, hasLine) {
    if (this.tiles.has(label)) return this.tiles.get(label);
    const [big, line] = [el("dd", { class: "big" }), spark()];
    const more = el("dd", { class: "quiet" });
    this.list.append(el("div", { class: "tile" }, el("dt", {}, label), big, hasLine ? el("dd", {}, line.node) : null, more));
    const tile = { big, line, more };
    this.tiles.set(label, tile);
    return tile;
  }

  set(label, big, more, line = null) {
    const tile = this.tile(label, line !== null);
    put(tile.big, big);
    if (more !== null) put(tile.more, more);
    if (line !== null) tile.line.set(line);
    return tile;
  }

  /** Shows a summary. */
  update(summary) {
    const { connections, flows, bytes: moved, endpoints, workers, descriptors, overrides, leases } = summary;
    const both = moved.toEndpointTotal + moved.toClientTotal;
    const values = [connections.active, connections.openedTotal, connections.failedTotal, flows.active, flows.openedTotal,
      moved.toEndpointTotal, moved.toClientTotal, both];
    this.series.add(Date.parse(summary.time) / 1000, values, COUNTERS);
    const { series } = this;
    this.services(summary.services);
    const others = ENDPOINTS.filter((key) => endpoints[key] > 0).map((key) => `${count(endpoints[key])} ${words(kebab(key))}`);
    this.set("Endpoints ready", `${count(endpoints.ready)} of ${count(endpoints.total)}`, others.join(", "));
    this.set("Connections: now / most / limit", ofLimit(connections.active, series.most(ACTIVE), connections.limit),
      `${rate(series.rate(OPENED))} new, ${count(connections.openedTotal)} in all`, series.line(ACTIVE, false));
    this.set("UDP flows: now / most / limit", ofLimit(flows.active, series.most(FLOWS), flows.limit),
      `${rate(series.rate(FLOWS_OPENED))} new, ${count(flows.openedTotal)} in all`, series.line(FLOWS, false));
    this.set("Traffic", byteRate(series.rate(MOVED)),
      `↓ ${bytes(moved.toClientTotal)}, ↑ ${bytes(moved.toEndpointTotal)} in all`, series.line(MOVED, true));
    this.set("Failures", rate(series.rate(FAILED, 60)), failures(connections), series.line(FAILED, true));
    const busiest = workers.reduce((most, worker) => Math.max(most, worker.connections), 0);
    this.set("Workers", count(workers.length), `the busiest has ${count(busiest)} connections`);
    this.set("Descriptors", `${count(descriptors.used)} of ${count(descriptors.limit)}`,
      `${count(overrides)} overrides, ${count(leases)} of 8 look at details`);
  }

  services(services) {
    const { more } = this.set("Service ports ok", `${count(services.ok)} of ${count(services.ports)}`, null);
    const shown = PORTS.filter(([key]) => services[key] > 0);
    const text = shown.map(([key]) => `${key}:${services[key]}`).join();
    // Links are made anew only when a count changes: one that has the focus keeps it otherwise.
    if (more.dataset.shown === text) return;
    mark(more, "data-shown", text);
    more.replaceChildren(...shown.flatMap(([key], index) => [index === 0 ? "" : ", ", `${count(services[key])} `, this.states.get(key)]));
  }
}

function failures(connections) {
  const { failedTotal, rejectedTotal, retriedTotal, waiting } = connections;
  return `${count(failedTotal)} in all, ${count(rejectedTotal)} refused at a limit`
    + (retriedTotal > 0 ? `, ${count(retriedTotal)} connects retried` : "") + (waiting > 0 ? `, ${count(waiting)} wait` : "");
}

function kebab(key) {
  return key === "notReady" ? "not-ready" : key;
}

/** Writes what this weir is. */
export function facts(summary) {
  const { zone, mode, version, uptimeSeconds, pid, generation, lastAppliedAt, time } = summary;
  const applied = lastAppliedAt ? `, changed ${span((Date.parse(time) - Date.parse(lastAppliedAt)) / 1000)} ago` : "";
  return [zone ? `zone ${zone}` : "", `${mode} mode`, `weir ${version}`, `process ${pid}, up ${span(uptimeSeconds)}`, `state ${generation}${applied}`]
    .filter(Boolean).join(" · ");
}
