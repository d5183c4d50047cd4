// What does the page do when something happens? It shows the view that the address names, and what the stream says of it.

import { Stream } from "./ask/stream.js";
import { changed, read, write } from "./ask/view.js";
import { listen } from "./keys.js";
import { Overview } from "./parts/overview.js";
import { SeenServices } from "./parts/services.js";
import { ServiceView } from "./parts/service.js";
import { facts, Totals } from "./parts/totals.js";
import { Wrong } from "./parts/wrong.js";
import { el, put, show } from "./show/dom.js";
import { clock, span } from "./show/format.js";
import { badge } from "./show/states.js";

const at = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.seen = new SeenServices();
    this.totals = new Totals(at("totals"));
    this.wrong = new Wrong(at("wrong"));
    this.sign = badge("connecting");
    this.told = el("span");
    at("connection").append(this.sign.node, " ", this.told);
    this.view = null;
    this.shown = null;
    /** Address of the table as it was when a Service was opened. */
    this.left = "#/services";
    this.isLive = null;
    this.stream = new Stream({
      snapshot: (snapshot) => this.update(snapshot),
      state: (isLive, since) => this.connected(isLive, since),
    });
    window.addEventListener("hashchange", () => this.turn());
    listen({ back: () => this.back() });
    setInterval(() => this.age(), 1000);
    this.turn();
  }

  /** Shows the view that the address names. */
  turn() {
    const view = read(location.hash);
    const before = this.view;
    const isOther = before === null || view.namespace !== before.namespace || view.name !== before.name;
    this.view = view;
    if (before?.name === null) this.left = write(before);
    if (isOther) {
      const page = { change: (changes, isTyping) => this.change(changes, isTyping), announce: (text) => this.announce(text) };
      this.shown = view.name === null ? new Overview(page, this.seen) : new ServiceView(page, this.seen, view.namespace, view.name);
      at("main").replaceChildren(this.shown.node);
      // Who looks at one Service has left the node behind.
      for (const id of ["wrong", "totals"]) show(at(id), view.name === null);
    }
    const shown = this.shown.show(view.query);
    this.stream.open(this.shown.streamed());
    if (!isOther || before === null) return;
    window.scrollTo(0, 0);
    this.shown.heading.focus();
    // Who comes back finds the row that they left.
    if (view.name === null) shown.then(() => this.focus(before));
  }

  focus({ namespace, name }) {
    const links = [...document.querySelectorAll("main tbody th a")];
    links.find((link) => link.textContent === `${namespace}/${name}`)?.focus();
  }

  /** Changes filters, order or page of the view; what is typed makes no history. */
  change(changes, isTyping) {
    const address = write(changed(this.view, changes));
    if (isTyping) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
    this.turn();
  }

  back() {
    if (this.view.name !== null) location.hash = this.left;
  }

  /** Shows a snapshot. */
  update(snapshot) {
    const { summary } = snapshot;
    put(at("node"), summary.node ?? "");
    put(at("facts"), facts(summary));
    this.totals.update(summary);
    this.wrong.update(summary);
    this.shown.update(snapshot);
    const { notBound, failing, noEndpoints, degraded } = summary.services;
    const bad = notBound + failing + noEndpoints + degraded;
    const title = `${bad > 0 ? `(${bad} wrong) ` : ""}weir ${summary.node ?? ""}`.trim();
    if (document.title !== title) document.title = title;
  }

  connected(isLive, since) {
    this.since = since;
    if (isLive === this.isLive) return;
    const before = this.isLive;
    this.isLive = isLive;
    this.sign.set(isLive ? "live" : "stale");
    this.age();
    if (!isLive) this.announce("weir does not answer; what is shown is stale");
    else if (before === false) this.announce("weir answers again");
  }

  /** Says how old is what is shown. */
  age() {
    if (this.isLive === false) {
      const since = this.since === null ? "weir has not answered yet" : `since ${clock(this.since)} (${span((Date.now() - this.since) / 1000)})`;
      put(this.told, `${since}: weir does not answer; trying again`);
    } else {
      put(this.told, this.isLive ? "" : "asking weir");
    }
  }

  announce(text) {
    put(at("announcements"), text);
  }
}

new Page();
