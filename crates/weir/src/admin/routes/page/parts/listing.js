// How is a list of weir looked through? Weir filters, sorts and cuts it into pages; the address of the view says which one.

import { ask } from "../ask/api.js";
import { count } from "../show/format.js";
import { el, put, show } from "../show/dom.js";
import { Table } from "../show/table.js";

/** Items of a page: rows that a browser lays out at once without effort. */
const LIMIT = 50;
/** Time after the last key after which a filter is asked for, in milliseconds. */
const TYPING = 200;

/**
 * @typedef {object} Field
 * @property {string} name parameter of the API
 * @property {string} label
 * @property {[string, string][]} [options] values and their words; without them it is a text
 * @property {string} [any] words for no choice
 * @property {string} [placeholder]
 */

/** A list with its table, filters and pages. */
export class Listing {
  /**
   * @param {object} options
   * @param {string} [options.title] above the table, if nothing else is
   * @param {string} options.path route that is asked
   * @param {string} options.prefix before the names of its parameters in the address of the view
   * @param {Record<string, string>} options.fixed parameters that are always asked with
   * @param {Field[]} options.fields
   * @param {string} options.sort word by which it is sorted unless another one is chosen; empty if weir knows best
   * @param {(list: any) => void} [options.seen] hears of each answer before it is shown
   * @param {(changes: Record<string, string|null>, isTyping: boolean) => void} options.change changes the view
   * @param {(text: string) => void} options.announce
   */
  constructor(options) {
    Object.assign(this, { fixed: {}, fields: [], seen: () => {} }, options);
    this.query = new URLSearchParams();
    this.asked = 0;
    this.busy = false;
    this.next = null;
    /** @type {Map<string, [string|null, string|null]>} page and place before a page that was reached from it */
    this.before = new Map();
    // The title stands above the filters; who hears the page rather than sees it gets it at the table, too.
    this.table = new Table({ ...options, isTitled: true, sort: (word) => this.turn({ sort: word }) });
    this.inputs = this.fields.map((field) => this.input(field));
    this.sorter = this.sorting();
    this.trouble = el("p", { class: "trouble", hidden: true });
    this.place = el("span", { class: "place" });
    this.first = this.button("First page", () => this.go(null, null));
    this.previous = this.button("Previous", () => this.go(...(this.before.get(this.page() ?? "") ?? [null, null])));
    this.following = this.button("Next", () => this.forward());
    const tools = el("div", { class: "tools" }, ...this.inputs.map(({ node }) => node), this.sorter.node);
    const pages = el("div", { class: "tools" }, this.first, this.previous, this.following, this.place);
    this.node = el("div", { class: "listing" }, options.title ? el("h3", {}, options.title) : null, tools, this.trouble, this.table.node, pages);
  }

  input({ name, label, options, any, placeholder }) {
    const control = options
      ? el("select", { "aria-label": label }, el("option", { value: "" }, any ?? "any"), ...options.map(([value, text]) => el("option", { value }, text)))
      : el("input", { type: "search", "aria-label": label, placeholder: placeholder ?? null, spellcheck: "false", autocomplete: "off" });
    let typing;
    control.addEventListener("input", () => {
      clearTimeout(typing);
      const turn = () => this.turn({ [name]: control.value.trim() }, !options);
      if (options) turn();
      else typing = setTimeout(turn, TYPING);
    });
    return { name, control, node: el("label", { class: options ? null : "filter" }, label, control) };
  }

  /** On a phone there are no headers to press: a choice stands for them. */
  sorting() {
    const sortable = this.columns.filter((column) => column.sort);
    const ways = ({ sort, label, grows }) => {
      const [least, most] = grows ? ["", "-"] : ["-", ""];
      return [[least + sort, `${label} ▲`], [most + sort, `${label} ▼`]];
    };
    const all = [...(this.sort ? [] : [["", "what comes"]]), ...sortable.flatMap(ways)];
    const control = el("select", { "aria-label": "Sort by" }, ...all.map(([value, text]) => el("option", { value }, text)));
    control.addEventListener("input", () => this.turn({ sort: control.value }));
    return { control, node: el("label", { class: "sorter", hidden: sortable.length === 0 }, "Sort by", control) };
  }

  button(text, pressed) {
    const button = el("button", { type: "button" }, text);
    button.addEventListener("click", pressed);
    return button;
  }

  page() {
    return this.query.get(`${this.prefix}continue`);
  }

  from() {
    return Number(this.query.get(`${this.prefix}from`)) || 0;
  }

  word() {
    const word = this.query.get(`${this.prefix}sort`);
    const isKnown = this.columns.some((column) => column.sort && column.sort === word?.replace(/^-/, ""));
    return isKnown ? word : this.sort;
  }

  /** Changes filters or order, and begins with the first page. */
  turn(changes, isTyping = false) {
    this.isTurned = true;
    const all = { ...changes, continue: null, from: null };
    if (all.sort === this.sort) all.sort = null;
    this.change(this.prefixed(all), isTyping);
  }

  go(page, from) {
    this.change(this.prefixed({ continue: page, from }), false);
  }

  forward() {
    const [page, from] = [this.page(), this.query.get(`${this.prefix}from`)];
    this.before.set(this.next, [page, from]);
    this.go(this.next, String(this.from() + this.table.rows.size));
  }

  prefixed(changes) {
    return Object.fromEntries(Object.entries(changes).map(([key, value]) => [this.prefix + key, value]));
  }

  /** What is asked of the route. */
  parameters() {
    const parameters = new URLSearchParams({ limit: String(LIMIT), ...this.fixed });
    if (this.word()) parameters.set("sort", this.word());
    for (const { name, options } of [...this.fields, { name: "continue" }]) {
      const value = this.query.get(this.prefix + name);
      // A link that somebody wrote may have any words.
      if (value && (!options || options.some(([known]) => known === value))) parameters.set(name, value);
    }
    return parameters;
  }

  /** Shows what the view says, and asks for it. */
  show(query) {
    this.query = query;
    for (const { name, control } of this.inputs) {
      const value = query.get(this.prefix + name) ?? "";
      // What is being typed is not overwritten by what was typed before.
      if (control.value.trim() !== value && control !== document.activeElement) control.value = value;
    }
    this.sorter.control.value = this.word();
    this.table.sorted(this.word());
    this.busy = false;
    this.asked += 1;
    return this.refresh();
  }

  /** Asks for the page again, unless an answer is on its way. */
  async refresh() {
    if (this.busy) return;
    this.busy = true;
    const asked = this.asked;
    try {
      const list = await ask(this.path, this.parameters());
      if (asked === this.asked) this.accept(list);
    } catch (error) {
      if (asked === this.asked) this.fail(error);
    } finally {
      if (asked === this.asked) this.busy = false;
    }
  }

  fail(error) {
    // That weir does not answer at all is said once, at the top of the page.
    if (error.status === undefined) return;
    // The page may have been one of another list.
    if (error.status === 400 && this.page() !== null) {
      this.go(null, null);
      return;
    }
    put(this.trouble, `The list cannot be shown: ${error.message}`);
    show(this.trouble, true);
  }

  /** Shows an answer. */
  accept(list) {
    const { total, matched, continue: next } = list.metadata;
    if (list.items.length === 0 && this.page() !== null) {
      this.go(null, null);
      return;
    }
    this.seen(list);
    this.table.update(list.items);
    this.next = next;
    const [from, shown] = [this.from(), list.items.length];
    const of = matched === null ? "" : ` of ${count(matched)}`;
    const all = matched === null || matched === total ? "" : `, ${count(total)} without filters`;
    put(this.place, shown === 0 ? `none${all}` : `${count(from + 1)} to ${count(from + shown)}${of}${all}`);
    this.first.disabled = this.page() === null;
    this.previous.disabled = !this.before.has(this.page() ?? "");
    this.following.disabled = next === null;
    show(this.trouble, false);
    if (this.isTurned) this.announce(`${this.caption}: ${matched === null ? count(shown) : count(matched)} found`);
    this.isTurned = false;
  }
}
