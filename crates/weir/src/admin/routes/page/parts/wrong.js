// What is wrong right now? Asked for only while the summary says that something is.

import { ask } from "../ask/api.js";
import { toService, write } from "../ask/view.js";
import { count, since } from "../show/format.js";
import { el, mark, put, reconcile } from "../show/dom.js";
import { badge } from "../show/states.js";
import { name } from "./services.js";

/** Service ports that are named; the table has the others. */
const NAMED = 5;
/** Time between two looks, in milliseconds. */
const EVERY = 2000;
/** Share of a limit from which on it is said. */
const NEARLY = 0.9;

/** The list of what is wrong. */
export class Wrong {
  constructor(parent) {
    this.list = el("ul");
    this.known = new Map();
    this.ports = [];
    this.asked = 0;
    parent.append(this.list);
  }

  /** Looks at a summary. */
  async update(summary) {
    this.show(summary);
    const { notBound, failing, noEndpoints, degraded } = summary.services;
    const bad = notBound + failing + noEndpoints + degraded;
    if (bad === 0) this.ports = [];
    else if (Date.now() - this.asked >= EVERY) {
      this.asked = Date.now();
      try {
        const list = await ask("/api/v1/services", new URLSearchParams({ sort: "state", limit: String(NAMED) }));
        this.ports = list.items.filter((item) => !["ok", "unsupported"].includes(item.state));
      } catch {
        // The next look says the same again, if it is still so.
        return;
      }
    } else return;
    this.show(summary);
  }

  show(summary) {
    const { notBound, failing, noEndpoints, degraded } = summary.services;
    const more = notBound + failing + noEndpoints + degraded - this.ports.length;
    const items = [...ofNode(summary), ...this.ports.map(ofPort)];
    if (more > 0) {
      const query = new URLSearchParams({ sort: "state" });
      const text = `${count(more)}${this.ports.length ? " more" : ""} Service port${more === 1 ? "" : "s"}`;
      items.push({ key: "more", state: "warning", text, href: write({ namespace: null, name: null, query }), why: "by state, the worst first" });
    }
    if (items.length === 0) items.push({ key: "none", state: "ok", text: "Nothing that weir knows of.", href: null, why: "" });
    reconcile(this.list, this.known, items, ({ key }) => key, row);
  }
}

function ofPort(item) {
  const { namespace, service, port, protocol, state, reason } = item;
  return { key: name(item), state, text: `${namespace}/${service} ${port} ${protocol}`, href: toService(namespace, service), why: reason ?? "" };
}

function ofNode({ time, ready, draining, apiServer, connections, flows, descriptors, overrides }) {
  const items = [];
  const say = (key, state, text, why) => items.push({ key: `node ${key}`, state, text, href: null, why });
  if (draining) say("draining", "draining", "This weir drains", "it ends when its connections have");
  if (!ready && !draining) say("ready", "not-ready", "This weir is not ready", "it has not applied a first state yet");
  if (apiServer?.awaySince) say("api", "down", "The API server does not answer", since(apiServer.awaySince, Date.parse(time)));
  const near = (key, what, used, limit) => {
    if (limit && used >= limit * NEARLY) say(key, "full_", `${count(used)} of ${count(limit)} ${what}`, "at the limit clients are refused");
  };
  near("connections", "connections", connections.active, connections.limit);
  near("flows", "UDP flows", flows.active, flows.limit);
  near("descriptors", "descriptors", descriptors.used, descriptors.limit);
  if (overrides > 0) say("overrides", "info", `${count(overrides)} override${overrides === 1 ? "" : "s"}`, "set by an operator; endpoints show which");
  return items;
}

function row() {
  const sign = badge();
  const [link, why] = [el("a"), el("span")];
  const node = el("li", {}, sign.node, link, why);
  return {
    node,
    update: (item) => {
      sign.set(item.state);
      put(link, item.text);
      mark(link, "href", item.href);
      put(why, item.why);
    },
  };
}
