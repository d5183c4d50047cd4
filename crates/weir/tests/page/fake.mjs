// What would weir answer with very many Services? The forms of docs/api.md, with data that is made up, and the page itself.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const PAGE = fileURLToPath(new URL("../../src/admin/routes/page/", import.meta.url));
const KINDS = { html: "text/html; charset=utf-8", css: "text/css; charset=utf-8", js: "text/javascript; charset=utf-8", svg: "image/svg+xml" };
const ORDER = ["not-bound", "failing", "no-endpoints", "degraded", "unsupported", "ok"];
const STATES = ["ejected", "down", "loop", "full", "draining", "not-ready", "elsewhere", "ready"];
const LISTED = { "not-ready": "notReady" };

/** The policy that weir sends with the page. */
export async function policy() {
  const source = await readFile(new URL("../../src/admin/routes/page.rs", import.meta.url), "utf8");
  return /const POLICY: &str = "([^"]+)"/.exec(source)[1];
}

const pad = (number, width) => String(number).padStart(width, "0");
const ip = (index) => `10.${96 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;

/**
 * A node with `services` Services of `endpoints` endpoints each, and `connections` connections. With `step`, its time goes by that
 * many milliseconds each `every` of ours.
 */
export class Fake {
  constructor({ services, endpoints = 4, connections = 0, every = 1000, step = null }) {
    Object.assign(this, { every, step, passed: 0 });
    this.began = Date.now();
    this.asked = [];
    this.services = Array.from({ length: services }, (_, index) => this.service(index, endpoints));
    this.byName = new Map(this.services.map((service) => [`${service.namespace}/${service.service}`, service]));
    this.connections = Array.from({ length: connections }, (_, index) => ({ index, service: this.services[(index * index) % services] }));
    this.events = [{ id: 1, ...this.moment("warning", "EndpointEjected"), message: "endpoint ejected: it fails, and gets no clients for a while" }];
    for (const { service } of this.connections) service.active += 1;
  }

  /** The time at this node. */
  now() {
    return this.step === null ? Date.now() : this.began + this.passed;
  }

  moment(severity, type) {
    const { namespace, service } = this.services[0];
    return { time: new Date(this.now()).toISOString(), type, severity, namespace, service, port: "http", protocol: "TCP", endpoint: "10.244.0.1:8080", reason: "refused" };
  }

  service(index, count) {
    const endpoints = Array.from({ length: count }, (_, place) => ({ place, state: "ready", override: null }));
    if (index % 100 === 7 && count > 0) endpoints[0].state = STATES[(index / 100 | 0) % 7];
    const name = `service-${pad(index, 5)}`;
    return { index, namespace: `team-${pad(index % 100, 2)}`, service: name, protocol: index % 10 === 3 ? "UDP" : "TCP", endpoints, active: 0, moved: 0 };
  }

  state({ endpoints, unsupported, notBound }) {
    if (unsupported) return "unsupported";
    if (notBound) return "not-bound";
    if (endpoints.every(({ state }) => ["draining", "not-ready", "elsewhere", "loop"].includes(state))) return "no-endpoints";
    const works = endpoints.filter(({ state }) => state === "ready").length;
    if (works === 0) return "failing";
    return endpoints.some(({ state }) => ["ejected", "down", "full"].includes(state)) ? "degraded" : "ok";
  }

  port(service) {
    const { index, namespace, protocol, endpoints, active } = service;
    const seconds = (this.now() - this.began) / 1000;
    const opened = Math.floor(service.opened ?? active * 10 + seconds * (index % 7) * 3);
    const counts = Object.fromEntries(STATES.map((state) => [LISTED[state] ?? state, endpoints.filter((one) => one.state === state).length]));
    const state = this.state(service);
    return {
      namespace, service: service.service, port: "http", protocol, portNumber: 80, families: ["IPv4"], state,
      since: service.since ?? null,
      reason: state === "ok" ? null : service.reason ?? `${endpoints.filter((one) => one.state !== "ready").length} of ${endpoints.length} endpoints do not work`,
      clusterIPs: [ip(index + 1)], nodePort: index % 5 ? null : 30000 + (index % 2768), balance: "least-connections", affinitySeconds: null,
      internalTrafficPolicy: "Cluster", externalTrafficPolicy: index % 5 ? "Cluster" : "Local",
      frontends: { listening: state === "ok" ? 1 : 0, failed: 0, noEndpoints: 0 },
      endpoints: { total: endpoints.length, ...counts, ejectionsTotal: counts.ejected },
      connections: { active, most: protocol === "UDP" ? null : active + 7, limit: index % 9 ? null : 1000, limitPerEndpoint: null, openedTotal: opened, closedTotal: opened - active,
        failedTotal: state === "ok" ? 0 : Math.floor(seconds), rejectedTotal: 0, delayedTotal: 0, retriedTotal: counts.ejected * 3, hedgedTotal: counts.ejected * 2, waiting: 0 },
      connectTime: protocol === "UDP" ? { count: 0, meanSeconds: null, p50Seconds: null, p99Seconds: null }
        : { count: opened, meanSeconds: 0.0005, p50Seconds: 0.0004, p99Seconds: 0.0029 },
      bytes: { toEndpointTotal: opened * 700, toClientTotal: opened * 15000 },
      datagrams: { toEndpointTotal: 0, toClientTotal: 0, droppedTotal: 0 },
    };
  }

  endpoint(service, { place, state, override }) {
    const isWell = state === "ready";
    const at = new Date(this.began - 60000).toISOString();
    const well = service.endpoints.filter((one) => one.state === "ready").length;
    return {
      namespace: service.namespace, service: service.service, port: "http", protocol: service.protocol,
      endpoint: `10.244.${(service.index >> 6) & 255}.${((service.index & 63) << 2) + place}:8080`, node: `node-${place}`, zone: `zone-${place % 3}`,
      state, since: at, reason: isWell ? null : "refused", message: isWell ? null : `it is ${state}`, until: null, lastResort: false,
      conditions: { ready: true, serving: true, terminating: false },
      picks: [{ traffic: "cluster", eligible: isWell, reason: isWell ? null : state, odds: isWell ? 1 / well : 0 },
        { traffic: "local", eligible: place === 0 && isWell, reason: place > 0 ? "other-node" : isWell ? null : state, odds: place === 0 && isWell ? 1 : 0 }],
      weight: 100, override, connections: { active: Math.floor(service.active / service.endpoints.length), max: service.active, limit: null, pickedTotal: service.active * 3 },
      failures: { total: isWell ? 0 : 3, inARow: 0, last: isWell ? null : "refused", lastAt: isWell ? null : at },
      ejections: { total: isWell ? 0 : 1, lastAt: isWell ? null : at }, connectTime: { meanSeconds: 0.0004, peakSeconds: 0.0021 },
      detail: { sockets: 4, rttSeconds: 0.0003, rttMaxSeconds: 0.0009, retransmits: 2, unackedBytes: 0 },
    };
  }

  connection({ index, service }) {
    return {
      id: `0-${index}`, state: "open", namespace: service.namespace, service: service.service, port: "http", protocol: "TCP",
      client: `10.244.9.${index % 250}:${1024 + (index % 60000)}`, via: null, frontend: `${ip(service.index + 1)}:80`, endpoint: "10.244.0.1:8080", node: "node-0",
      openedAt: new Date(this.began - index * 10).toISOString(), closedAt: null, durationSeconds: (this.now() - this.began) / 1000 + index / 100,
      idleSeconds: 0.4, connectSeconds: 0.0012, attempts: 1, bytesToEndpoint: index, bytesToClient: index * 64, reason: null,
      detail: { client: { rttSeconds: 0.0008, retransmits: 0, unackedBytes: 0 }, endpoint: null },
    };
  }

  metadata(total, matched, next) {
    return { time: new Date(this.now()).toISOString(), generation: 42, total, matched, continue: next };
  }

  /** A page of items, each of which is made only if it is on it. */
  page(kind, query, items, total, form) {
    const [limit, from] = [Number(query.get("limit") ?? 100), Number((query.get("continue") ?? "at:0").slice(3))];
    const page = items.slice(from, from + limit).map(form);
    const next = from + limit < items.length ? `at:${from + limit}` : null;
    return { kind, metadata: this.metadata(total, items.length, next), items: page };
  }

  sorted(items, word, ways) {
    if (!word) return items;
    const way = ways[word.replace(/^-/, "")];
    const keyed = items.map((item) => [way(item), item]).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    const sorted = keyed.map(([, item]) => item);
    return word.startsWith("-") ? sorted.reverse() : sorted;
  }

  listServices(query) {
    const [part, state, protocol] = [query.get("filter")?.toLowerCase(), query.get("state"), query.get("protocol")];
    const found = this.services.filter((service) => (!part || `${service.namespace}/${service.service}:http`.toLowerCase().includes(part))
      && (!protocol || service.protocol === protocol) && (!state || this.state(service) === state)
      && (!query.get("namespace") || service.namespace === query.get("namespace")) && (!query.get("service") || service.service === query.get("service")));
    const ways = { name: (one) => `${one.namespace}/${one.service}`, connections: (one) => -one.active, opened: (one) => -one.active, bytes: (one) => -one.active,
      failures: (one) => ORDER.indexOf(this.state(one)), endpoints: (one) => -one.endpoints.length, state: (one) => ORDER.indexOf(this.state(one)) };
    return this.page("ServicePortList", query, this.sorted(found, query.get("sort") ?? "name", ways), this.services.length, (one) => this.port(one));
  }

  listEndpoints(query) {
    const service = this.byName.get(`${query.get("namespace")}/${query.get("service")}`);
    const all = (service?.endpoints ?? []).map((one) => this.endpoint(service, one));
    const found = all.filter((one) => (!query.get("state") || one.state === query.get("state")) && (!query.get("filter") || `${one.endpoint} ${one.node}`.includes(query.get("filter"))));
    const ways = { name: (one) => one.endpoint, state: (one) => STATES.indexOf(one.state), connections: (one) => -one.connections.active,
      picked: (one) => -one.connections.pickedTotal, failures: (one) => -one.failures.total, connectTime: () => 0 };
    return { ...this.page("EndpointList", query, this.sorted(found, query.get("sort"), ways), all.length, (one) => one), lease: { expiresInSeconds: 30 } };
  }

  listConnections(query) {
    const wants = (one) => (!query.get("service") || one.service.service === query.get("service")) && query.get("state") !== "closed";
    const list = this.page("ConnectionList", query, this.connections.filter(wants), this.connections.length, (one) => this.connection(one));
    return { ...list, lease: { expiresInSeconds: 30 } };
  }

  summary() {
    const [states, counts] = [{}, Object.fromEntries(STATES.map((state) => [LISTED[state] ?? state, 0]))];
    for (const service of this.services) {
      const state = this.state(service);
      states[state] = (states[state] ?? 0) + 1;
      for (const endpoint of service.endpoints) counts[LISTED[endpoint.state] ?? endpoint.state] += 1;
    }
    const count = (state) => states[state] ?? 0;
    const total = Object.values(counts).reduce((sum, some) => sum + some, 0);
    const seconds = (this.now() - this.began) / 1000;
    return {
      kind: "Summary", time: new Date(this.now()).toISOString(), version: "0.1.0", node: "node-a", zone: "zone-1", mode: "node", pid: 4711,
      startedAt: new Date(this.began).toISOString(), uptimeSeconds: seconds, ready: true, draining: false, generation: 42, lastAppliedAt: new Date(this.began).toISOString(),
      apiServer: { state: this.away ? "away" : "synced", awaySince: this.away ?? null, savedAt: null, watches: [{ kind: "Service", state: "connected", reason: null }] },
      workers: [{ worker: 0, connections: this.connections.length / 2, flows: 0 }, { worker: 1, connections: this.connections.length / 2, flows: 0 }],
      services: { services: this.services.length, ports: this.services.length, ok: count("ok"), degraded: count("degraded"), failing: count("failing"),
        noEndpoints: count("no-endpoints"), notBound: count("not-bound"), unsupported: count("unsupported") },
      frontends: { listening: this.services.length, failed: 0, noEndpoints: 0 }, endpoints: { total, ...counts, ejectionsTotal: counts.ejected },
      connections: { active: this.active ?? this.connections.length, limit: 65536, openedTotal: 345600 + Math.floor(seconds * 900), closedTotal: 0, failedTotal: Math.floor(seconds),
        rejectedTotal: 0, delayedTotal: 0, retriedTotal: Math.floor(seconds / 2), hedgedTotal: 0, waiting: 0 },
      flows: { active: 1, limit: 65536, openedTotal: 10, closedTotal: 9 }, bytes: { toEndpointTotal: 1e9 + seconds * 1e6, toClientTotal: 1e10 + seconds * 2e7 },
      descriptors: { used: 31, limit: 523208 }, overrides: 0, leases: 1,
    };
  }

  answer(path, query) {
    const service = /^\/api\/v1\/services\/([^/]+)\/([^/]+)$/.exec(path);
    if (service) {
      const one = this.byName.get(`${decodeURIComponent(service[1])}/${decodeURIComponent(service[2])}`);
      const frontends = one && [{ port: "http", protocol: one.protocol, kind: "cluster-ip", address: `${ip(one.index + 1)}:80`, listen: `${ip(one.index + 1)}:80`, state: "listening", reason: null, since: new Date(this.began).toISOString() }];
      return one && { kind: "Service", time: new Date(this.now()).toISOString(), generation: 42, namespace: one.namespace, service: one.service, createdAt: null, ports: [this.port(one)], frontends, endpoints: [], lease: null };
    }
    switch (path) {
      case "/api/v1/summary": return this.summary();
      case "/api/v1/services": return this.listServices(query);
      case "/api/v1/endpoints": return this.listEndpoints(query);
      case "/api/v1/connections": return this.listConnections(query);
      case "/api/v1/flows": return this.page("FlowList", query, [], 0, (one) => one);
      case "/api/v1/events": return this.page("EventList", query, this.events, this.events.length, (one) => one);
      default: return undefined;
    }
  }

  snapshot(query) {
    return { kind: "Snapshot", summary: this.summary(), services: this.listServices(query), focus: null, lease: query.has("detail") ? { expiresInSeconds: 30 } : null };
  }

  /** Serves at a free port; returns the address. */
  async start(port = 0) {
    const headers = { "content-security-policy": await policy(), "cache-control": "no-store" };
    this.clock = setInterval(() => this.pass(), this.every);
    this.server = createServer(async (request, response) => {
      const { pathname, searchParams } = new URL(request.url, "http://localhost");
      this.asked.push(request.url);
      if (pathname === "/api/v1/stream") {
        response.writeHead(200, { "content-type": "text/event-stream" });
        const tell = () => response.write(`event: snapshot\ndata: ${JSON.stringify(this.snapshot(searchParams))}\n\n`);
        const every = setInterval(tell, this.every);
        response.on("close", () => clearInterval(every));
        return;
      }
      if (pathname === "/" || pathname.startsWith("/page/")) {
        const file = pathname === "/" ? "index.html" : pathname.slice("/page/".length);
        const text = await readFile(PAGE + file).catch(() => null);
        response.writeHead(text ? 200 : 404, { ...headers, "content-type": KINDS[file.split(".").pop()] ?? "text/plain" });
        response.end(text ?? "");
        return;
      }
      const answer = this.answer(pathname, searchParams);
      response.writeHead(answer ? 200 : 404, { "content-type": "application/json" });
      response.end(JSON.stringify(answer ?? { kind: "Error", status: 404, reason: "NotFound", message: "there is no such thing" }));
    });
    await new Promise((ready) => this.server.listen(port, "127.0.0.1", ready));
    return `http://127.0.0.1:${this.server.address().port}/`;
  }

  /** What goes on at this node as time passes; nothing unless something is given. */
  pass() {
    this.passed += this.step ?? 0;
    this.happens?.(this.passed / 1000);
  }

  /** Ends the server and its connections. */
  async stop() {
    clearInterval(this.clock);
    this.server.closeAllConnections();
    await new Promise((ended) => this.server.close(ended));
  }
}
