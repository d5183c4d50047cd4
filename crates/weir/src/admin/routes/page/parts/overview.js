// What is shown of all Services? A table that the stream keeps up to date, and what happened lately.

import { el } from "../show/dom.js";
import { SERVICE_STATES, words } from "../show/states.js";
import { Events } from "./events.js";
import { Listing } from "./listing.js";
import { columns, name, SeenServices } from "./services.js";

/** Snapshots between two looks at the events. */
const EVENTS_EVERY = 3;

/** The view of all Services. */
export class Overview {
  /** @param {{change: Function, announce: Function}} page @param {SeenServices} seen */
  constructor({ change, announce }, seen) {
    this.heading = el("h2", { tabindex: "-1" }, "Services");
    this.listing = new Listing({
      path: "/api/v1/services",
      prefix: "",
      caption: "Service ports",
      columns: columns(seen),
      key: name,
      none: "No Service port is like that.",
      sort: "name",
      fields: [
        { name: "filter", label: "Filter", placeholder: "part of namespace/name:port" },
        { name: "state", label: "State", options: SERVICE_STATES.map((state) => [state, words(state)]) },
        { name: "protocol", label: "Protocol", options: ["TCP", "UDP", "SCTP"].map((word) => [word, word]) },
      ],
      seen: (list) => seen.add(list),
      change,
      announce,
    });
    this.events = new Events({});
    this.node = el("div", {}, this.heading, this.listing.node, this.events.node);
    this.heard = 0;
  }

  /** What the stream has to bring for this view. */
  streamed() {
    return this.listing.parameters();
  }

  /** Shows what the address says. */
  show(query) {
    this.events.refresh();
    return this.listing.show(query);
  }

  /** Hears of a snapshot. */
  update({ services }) {
    this.listing.accept(services);
    this.heard += 1;
    if (this.heard % EVENTS_EVERY === 0) this.events.refresh();
  }
}
