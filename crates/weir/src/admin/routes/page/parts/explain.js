// What would a client get, and why? Asked of weir for a client and an address that somebody names.

import { ask } from "../ask/api.js";
import { el, put, show } from "../show/dom.js";
import { count, odds } from "../show/format.js";
import { badge } from "../show/states.js";
import { lines, Table } from "../show/table.js";

/** The question and its answer, for the addresses of one Service. */
export class Explain {
  constructor() {
    this.to = el("select", { "aria-label": "Address" });
    this.from = el("input", { type: "search", "aria-label": "From", placeholder: "this node, or a client's address", spellcheck: "false", autocomplete: "off" });
    const form = el("form", { class: "tools" }, el("label", {}, "Address", this.to), el("label", { class: "filter" }, "From", this.from),
      el("button", {}, "Explain"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.explain();
    });
    this.trouble = el("p", { class: "trouble", hidden: true });
    this.verdict = badge();
    this.because = el("span");
    this.notes = el("ul", { class: "quiet" });
    this.table = new Table({ caption: "Endpoints for this client", columns: columns(), key: ({ address }) => address, none: "No endpoint.", sort: () => {} });
    this.answer = el("div", { hidden: true, role: "status" }, el("p", {}, this.verdict.node, " ", this.because), this.notes);
    this.table.node.hidden = true;
    this.node = el("div", {}, el("h3", {}, "What does a client get?"), form, this.trouble, this.answer, this.table.node);
  }

  /** Offers the addresses of these frontends. */
  offer(frontends) {
    const addresses = frontends.map(({ address, protocol }) => `${address}/${protocol}`);
    if (addresses.join() === [...this.to.options].map(({ value }) => value).join()) return;
    const chosen = this.to.value;
    this.to.replaceChildren(...addresses.map((address) => el("option", { value: address }, address)));
    if (addresses.includes(chosen)) this.to.value = chosen;
  }

  async explain() {
    const parameters = new URLSearchParams({ to: this.to.value });
    if (this.from.value.trim()) parameters.set("from", this.from.value.trim());
    try {
      this.tell(await ask("/api/v1/explain", parameters));
    } catch (error) {
      put(this.trouble, error.message);
    }
    const hasAnswer = this.trouble.textContent === "";
    show(this.trouble, !hasAnswer);
    show(this.answer, hasAnswer);
    show(this.table.node, hasAnswer);
  }

  tell({ verdict, because, notes, endpoints, from, origin }) {
    put(this.trouble, "");
    this.verdict.set(verdict);
    put(this.because, `for ${from} (${origin})${because ? `: ${because}` : ""}`);
    this.notes.replaceChildren(...(notes ?? []).map((note) => el("li", {}, String(note))));
    this.table.update(endpoints ?? []);
  }
}

function columns() {
  return [
    { label: "Endpoint", cell: lines((item) => item.address, (item) => [item.node, item.zone].filter(Boolean).join(", ")) },
    { label: "Is it picked?", roomy: true, cell: lines(
      (item) => (item.eligible ? `✓ yes, ${odds(item.odds)}` : `✗ no, ${item.reason ?? "not said why"}`), (item) => item.detail ?? "") },
    { label: "Connections", figures: true, cell: lines((item) => count(item.connections)) },
    { label: "Weight", figures: true, cell: lines((item) => count(item.weight)) },
  ];
}
