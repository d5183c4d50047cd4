// How is a list shown as a table? One row an item, a header for each column; rows that stay are changed in place.

import { el, mark, put, reconcile, show } from "./dom.js";

/**
 * @typedef {object} Column
 * @property {string} label
 * @property {string} [sort] word by which weir sorts
 * @property {boolean} [grows] whether the word alone sorts the least first
 * @property {boolean} [figures] whether it is aligned to the right
 * @property {boolean} [wide] whether it is left out on a phone
 * @property {boolean} [widest] whether it is left out on all but wide screens
 * @property {boolean} [roomy] whether it has sentences
 * @property {(cell: Element) => (item: any) => void} cell fills a cell; what it returns updates it
 */

/** A table of items. The first column is the header of the row. */
export class Table {
  /** @param {{caption: string, isTitled?: boolean, columns: Column[], key: (item: any) => string, none: string, sort: (word: string) => void}} options */
  constructor({ caption, isTitled, columns, key, none, sort }) {
    this.columns = columns;
    this.key = key;
    this.rows = new Map();
    this.sort = sort;
    this.word = "";
    this.heads = columns.map((column) => this.head(column));
    this.body = el("tbody", { role: "rowgroup" });
    this.none = el("p", { class: "quiet", hidden: true }, none);
    const head = el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...this.heads));
    // Roles are written down: on a phone rows are laid out as cards, which would take them away.
    this.node = el("div", { class: "scroll" },
      el("table", { role: "table" }, el("caption", { class: isTitled ? "unseen" : null }, caption), head, this.body), this.none);
  }

  head(column) {
    const head = el("th", { scope: "col", role: "columnheader", class: kind(column) });
    if (!column.sort) {
      head.append(column.label);
      return head;
    }
    const button = el("button", { type: "button" }, column.label);
    button.addEventListener("click", () => this.sort(this.word === column.sort ? `-${column.sort}` : column.sort));
    head.append(button);
    return head;
  }

  /** Says by which word the items are sorted. */
  sorted(word) {
    this.word = word;
    this.columns.forEach((column, index) => {
      if (!column.sort) return;
      const isUpwards = Boolean(column.grows) === (word === column.sort);
      const isThis = word.replace(/^-/, "") === column.sort;
      mark(this.heads[index], "aria-sort", isThis ? (isUpwards ? "ascending" : "descending") : "none");
    });
  }

  /** Shows these items. */
  update(items) {
    reconcile(this.body, this.rows, items, this.key, () => this.row());
    show(this.none, items.length === 0);
  }

  row() {
    const updates = [];
    const cells = this.columns.map((column, index) => {
      const cell = index === 0
        ? el("th", { scope: "row", role: "rowheader", class: kind(column) })
        : el("td", { role: "cell", class: kind(column), "data-label": column.label });
      const content = el("div");
      cell.append(content);
      updates.push(column.cell(content));
      return cell;
    });
    const node = el("tr", { role: "row" }, ...cells);
    return { node, update: (item) => updates.forEach((update) => update(item)) };
  }
}

/** Classes of a column's cells. */
function kind(column) {
  return ["figures", "wide", "widest", "roomy"].filter((word) => column[word]).join(" ") || null;
}

/** A cell of lines of text: the first is what matters, others are quiet. */
export function lines(...texts) {
  return (cell) => {
    const nodes = texts.map((_, index) => el("div", { class: index === 0 ? "number" : "quiet" }));
    cell.append(...nodes);
    return (item) => texts.forEach((text, index) => {
      const shown = text(item) ?? "";
      put(nodes[index], shown);
      show(nodes[index], shown !== "");
    });
  };
}
