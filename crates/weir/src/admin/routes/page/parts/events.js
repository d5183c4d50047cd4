// What happened lately?

import { ask } from "../ask/api.js";
import { toService } from "../ask/view.js";
import { clock } from "../show/format.js";
import { el, mark, put } from "../show/dom.js";
import { badge } from "../show/states.js";
import { Table } from "../show/table.js";

/** Events that are shown. */
const SHOWN = 12;

/** The last events of the node or of one Service. */
export class Events {
  /** @param {Record<string, string>} only parameters that say which */
  constructor(only) {
    this.only = only;
    this.busy = false;
    const columns = [
      { label: "When", cell: when },
      { label: "What", cell: what },
      { label: "Concerning", cell: concerning },
      { label: "Message", cell: (cell) => (item) => put(cell, item.message) },
    ];
    this.table = new Table({ caption: "What happened lately", columns, key: ({ id }) => String(id), none: "Nothing yet.", sort: () => {} });
    this.node = this.table.node;
  }

  /** Asks again, unless an answer is on its way. */
  async refresh() {
    if (this.busy) return;
    this.busy = true;
    try {
      const list = await ask("/api/v1/events", new URLSearchParams({ ...this.only, limit: String(SHOWN) }));
      this.table.update([...list.items].reverse());
    } catch {
      // What is shown stays; the top of the page says that weir does not answer.
    } finally {
      this.busy = false;
    }
  }
}

function when(cell) {
  const time = el("time");
  cell.append(time);
  return (item) => {
    put(time, clock(item.time));
    mark(time, "datetime", item.time);
  };
}

function what(cell) {
  const sign = badge();
  const type = el("div", { class: "quiet" });
  cell.append(sign.node, type);
  return (item) => {
    sign.set(item.severity);
    put(type, item.type);
  };
}

function concerning(cell) {
  const [link, endpoint] = [el("a"), el("div", { class: "mono" })];
  cell.append(link, endpoint);
  return (item) => {
    const isService = item.namespace !== null && item.service !== null;
    put(link, isService ? `${item.namespace}/${item.service}` : "");
    mark(link, "href", isService ? toService(item.namespace, item.service) : null);
    put(endpoint, item.endpoint ?? "");
  };
}
