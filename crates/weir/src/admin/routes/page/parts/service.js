// What is shown of one Service? Its ports, its endpoints and why each is or is not picked, and who is connected.

import { ask } from "../ask/api.js";
import { el, put, show } from "../show/dom.js";
import { since } from "../show/format.js";
import { badge, ENDPOINT_STATES, words } from "../show/states.js";
import { lines, Table } from "../show/table.js";
import * as connections from "./connections.js";
import * as endpoints from "./endpoints.js";
import { Events } from "./events.js";
import { Explain } from "./explain.js";
import { Listing } from "./listing.js";
import * as services from "./services.js";

/** Snapshots between two looks at what seldom changes. */
const SELDOM = 5;

/** The view of one Service. */
export class ServiceView {
  /** @param {{change: Function, announce: Function}} page */
  constructor(page, seen, namespace, name) {
    Object.assign(this, { seen, namespace, name, heard: 0 });
    const only = { namespace, service: name };
    this.only = only;
    this.heading = el("h2", { tabindex: "-1" }, `${namespace}/${name}`);
    this.gone = el("p", { class: "trouble", hidden: true }, "There is no such Service, or not any more.");
    this.details = el("p", { class: "quiet", hidden: true }, "Round trips are not shown: eight others look at details already.");
    this.ports = new Table({
      caption: "Ports", columns: services.columns(seen).map(({ sort, widest, ...column }) => column), key: services.name, none: "No port.", sort: () => {},
    });
    this.endpoints = endpointListing(page, only);
    this.connections = connectionListing(page, only);
    this.flows = flowListing(page, only);
    this.frontends = frontendTable();
    this.explain = new Explain();
    this.events = new Events(only);
    this.flows.node.hidden = true;
    const back = el("p", {}, el("a", { href: "#/services" }, "← all Services"));
    this.node = el("div", {}, back, this.heading, this.gone, this.ports.node, this.details, this.endpoints.node,
      this.connections.node, this.flows.node, this.explain.node, this.frontends.node, this.events.node);
  }

  /** What the stream has to bring for this view; details are collected for as long as it is open. */
  streamed() {
    return new URLSearchParams({ ...this.only, limit: "100", detail: "true" });
  }

  /** Shows what the address says. */
  show(query) {
    this.seldom();
    const shown = [this.endpoints.show(query), this.connections.show(query)];
    this.flows.show(query);
    return Promise.all(shown);
  }

  /** Hears of a snapshot. */
  update({ services: list, lease }) {
    this.seen.add(list);
    this.ports.update(list.items);
    show(this.gone, list.items.length === 0);
    show(this.details, lease === null);
    this.hasFlows = list.items.some((item) => item.protocol === "UDP");
    show(this.flows.node, this.hasFlows);
    this.endpoints.refresh();
    this.connections.refresh();
    if (this.hasFlows) this.flows.refresh();
    this.heard += 1;
    if (this.heard % SELDOM === 0) this.seldom();
  }

  async seldom() {
    this.events.refresh();
    try {
      const path = `/api/v1/services/${encodeURIComponent(this.namespace)}/${encodeURIComponent(this.name)}`;
      const service = await ask(path);
      this.frontends.update(service.frontends);
      this.explain.offer(service.frontends);
    } catch {
      // The stream says whether the Service is gone, or weir.
    }
  }
}

function endpointListing({ change, announce }, fixed) {
  const seen = new endpoints.SeenEndpoints();
  return new Listing({
    path: "/api/v1/endpoints",
    prefix: "endpoints.",
    fixed: { ...fixed, detail: "true" },
    title: "Endpoints",
    caption: "Endpoints",
    columns: endpoints.columns(seen),
    key: endpoints.key,
    none: "No endpoint is like that.",
    sort: "state",
    fields: [
      { name: "filter", label: "Filter", placeholder: "part of address or node" },
      { name: "state", label: "State", options: ENDPOINT_STATES.map((state) => [state, words(state)]) },
    ],
    seen: (list) => seen.add(list),
    change,
    announce,
  });
}

function connectionListing({ change, announce }, fixed) {
  const seen = new connections.SeenConnections();
  return new Listing({
    path: "/api/v1/connections",
    prefix: "connections.",
    fixed: { ...fixed, detail: "true" },
    title: "Connections",
    caption: "Connections",
    columns: connections.columns(seen),
    key: ({ id }) => id,
    none: "No connection is like that.",
    sort: "",
    fields: [
      { name: "state", label: "Which", options: [["closed", "closed lately"]], any: "live" },
      { name: "client", label: "Client", placeholder: "10.244.1.9 or 10.244.1.0/24" },
      { name: "endpoint", label: "Endpoint", placeholder: "10.244.2.3 or 10.244.2.3:8080" },
    ],
    seen: (list) => seen.add(list),
    change,
    announce,
  });
}

function flowListing({ change, announce }, fixed) {
  const seen = new connections.SeenConnections();
  return new Listing({
    path: "/api/v1/flows",
    prefix: "flows.",
    fixed,
    title: "UDP flows",
    caption: "UDP flows",
    columns: connections.flowColumns(seen),
    key: ({ id }) => id,
    none: "No flow is like that.",
    sort: "",
    fields: [{ name: "client", label: "Client", placeholder: "10.244.1.9 or 10.244.1.0/24" }],
    seen: (list) => seen.add(list),
    change,
    announce,
  });
}

function frontendTable() {
  const state = (cell) => {
    const sign = badge();
    const quiet = el("div", { class: "quiet" });
    cell.append(sign.node, quiet);
    return (item) => {
      sign.set(item.state);
      put(quiet, [item.reason, since(item.since, Date.now())].filter(Boolean).join("; "));
    };
  };
  const columns = [
    { label: "Frontend", cell: lines((item) => item.address, (item) => `${item.port} ${item.protocol}`) },
    { label: "Kind", cell: lines((item) => item.kind.replaceAll("-", " ")) },
    { label: "State", roomy: true, cell: state },
    { label: "Listens at", cell: lines((item) => item.listen ?? "–") },
  ];
  const key = (item) => `${item.kind} ${item.address} ${item.protocol}`;
  return new Table({ caption: "Frontends", columns, key, none: "No frontend.", sort: () => {} });
}
