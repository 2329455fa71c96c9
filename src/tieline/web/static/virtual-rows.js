/**
 * A long list of which only what is in view is made: rows of one height, a cursor, a selection.
 *
 * The list is one stop of the Tab key. Arrows, Page Up and Down, Home and End move the cursor, Space selects, Shift with a move selects
 * what lies between, Ctrl A selects all, Enter opens. Items may come and go at any place: the cursor and what is in view stay with
 * their items, except that a list at its top stays at its top.
 * @module
 */

import { make } from "./dom.js";

const OVERSCAN = 2;

/**
 * @typedef {object} Column
 * @property {string} name its class
 * @property {string} title
 * @property {string} [words] what the title means, where it is short or there is none
 */

/**
 * @template T
 * @typedef {object} Options
 * @property {string} label
 * @property {Column[]} columns
 * @property {(item: T) => string} key tells items apart
 * @property {(row: HTMLElement, cells: HTMLElement[], item: T) => void} paint called again for the same item when `repaint` is
 * @property {(item: T) => void} [open] Enter, or a double click
 * @property {(item: T | undefined) => void} [point] the cursor has moved
 * @property {() => void} [change] the selection, or what is in view, has changed
 * @property {boolean} [canSelect]
 */

let lists = 0;

/** @template T */
export class VirtualRows {
  /** @type {T[]} */ items = [];
  /** @type {Set<string>} keys */ selected = new Set();
  /** @type {Options<T>} */ #options;
  #head;
  #body;
  /** @type {{element: HTMLElement, cells: HTMLElement[], index: number, key: string}[]} */ #rows = [];
  /** @type {string | undefined} */ #cursorKey;
  #cursor = -1;
  #anchor = -1;
  #height = 28;
  #id = `rows-${(lists += 1)}`;
  #isAsked = false;
  #isStale = true;
  /** @type {{key: string, offset: number} | null} */ #top = null;

  /** @param {Options<T>} options */
  constructor(options) {
    this.#options = options;
    const titles = options.columns.map(({ name, title, words = "" }) =>
      make("div", { role: "columnheader", class: `cell ${name}`, ...(words ? { title: words } : {}) }, title || make("span", { class: "quiet-words" }, words)),
    );
    this.#head = make("div", { role: "row", class: "row head", "aria-rowindex": "1" }, ...titles);
    this.#body = make("div", { role: "rowgroup", class: "rows" });
    this.element = make(
      "div",
      { role: "grid", class: "virtual scroll", tabindex: "0", "aria-label": options.label, ...(options.canSelect ? { "aria-multiselectable": "true" } : {}) },
      make("div", { role: "rowgroup", class: "heads" }, this.#head),
      this.#body,
    );
    this.element.addEventListener("scroll", () => {
      this.#top = null;
      this.#ask();
    });
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    this.#body.addEventListener("mousedown", (event) => {
      if (event.shiftKey) event.preventDefault(); // selects rows, not text
    });
    this.#body.addEventListener("click", (event) => this.#onClick(event));
    this.#body.addEventListener("dblclick", (event) => {
      const at = this.#indexOf(event.target);
      if (at >= 0 && !(event.target instanceof HTMLButtonElement)) this.#options.open?.(this.items[at]);
    });
    new ResizeObserver(() => this.#measure()).observe(this.element);
  }

  /**
   * Shows these items, in this order.
   * @param {T[]} items
   */
  setItems(items) {
    const top = this.#topOfView();
    this.items = items;
    const { key } = this.#options;
    if (this.#cursorKey !== undefined && (this.#cursor >= items.length || key(items[this.#cursor]) !== this.#cursorKey)) {
      const moved = items.findIndex((item) => key(item) === this.#cursorKey);
      if (moved >= 0) this.#cursor = moved;
      else {
        this.#cursor = Math.min(this.#cursor, items.length - 1);
        this.#cursorKey = items[this.#cursor] && key(items[this.#cursor]);
        this.#options.point?.(items[this.#cursor]);
      }
    }
    this.element.setAttribute("aria-rowcount", String(items.length + 1));
    this.#body.hidden = items.length === 0;
    this.#body.style.height = `${items.length * this.#height}px`;
    if (top) {
      const at = items.findIndex((item) => key(item) === top.key);
      if (at >= 0) {
        this.element.scrollTop = at * this.#height + top.offset;
        this.#top = top;
      }
    }
    this.repaint();
  }

  /** Paints what is in view anew, in the next frame. */
  repaint() {
    this.#isStale = true;
    this.#ask();
  }

  /** The item at the cursor. */
  get current() {
    return /** @type {T | undefined} */ (this.items[this.#cursor]);
  }

  /** The items that can be seen as a whole. */
  get inView() {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.ceil(scrollTop / this.#height);
    const last = Math.floor((scrollTop + clientHeight - this.#head.offsetHeight) / this.#height);
    return this.items.slice(first, last);
  }

  /** Whether hardly more than another view of them follows. */
  get isNearEnd() {
    const { scrollTop, clientHeight } = this.element;
    return scrollTop + 2 * clientHeight > this.items.length * this.#height;
  }

  /** The items selected that are still there. */
  get chosen() {
    return this.items.filter((item) => this.selected.has(this.#options.key(item)));
  }

  /**
   * Puts the cursor onto an item.
   * @param {string} key
   */
  goTo(key) {
    const at = this.items.findIndex((item) => this.#options.key(item) === key);
    if (at >= 0) this.#moveTo(at);
    return at >= 0;
  }

  clearSelection() {
    if (!this.selected.size) return;
    this.selected.clear();
    this.#options.change?.();
    this.repaint();
  }

  #topOfView() {
    if (this.element.scrollTop < this.#height) return null;
    if (this.#top) return this.#top;
    const at = Math.floor(this.element.scrollTop / this.#height);
    const item = this.items[at];
    return item === undefined ? null : { key: this.#options.key(item), offset: this.element.scrollTop - at * this.#height };
  }

  #measure() {
    const height = parseFloat(getComputedStyle(this.element).getPropertyValue("--row"));
    if (height) this.#height = height;
    this.#body.style.height = `${this.items.length * this.#height}px`;
    this.repaint();
  }

  #ask() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#paint();
    });
  }

  #paint() {
    const { scrollTop, clientHeight } = this.element;
    const isStale = this.#isStale;
    this.#isStale = false;
    const wanted = Math.min(this.items.length, Math.ceil(clientHeight / this.#height) + 2 * OVERSCAN);
    while (this.#rows.length < wanted) this.#rows.push(this.#makeRow());
    while (this.#rows.length > wanted) this.#rows.pop()?.element.remove();
    const first = Math.max(0, Math.min(this.items.length - wanted, Math.floor(scrollTop / this.#height) - OVERSCAN));
    for (let index = first; index < first + wanted; index += 1) {
      const row = this.#rows[index % wanted];
      const item = this.items[index];
      const key = this.#options.key(item);
      if (row.index !== index) {
        row.index = index;
        row.element.style.transform = `translateY(${index * this.#height}px)`;
        row.element.setAttribute("aria-rowindex", String(index + 2));
        row.element.id = `${this.#id}-${index}`;
      }
      if (isStale || row.key !== key) {
        row.key = key;
        this.#options.paint(row.element, row.cells, item);
      }
      if (this.#options.canSelect) set(row.element, "aria-selected", String(this.selected.has(key)));
      set(row.element, "data-cursor", String(index === this.#cursor));
    }
    if (this.#cursor >= first && this.#cursor < first + wanted) set(this.element, "aria-activedescendant", `${this.#id}-${this.#cursor}`);
    else this.element.removeAttribute("aria-activedescendant");
    this.#options.change?.();
  }

  #makeRow() {
    const cells = this.#options.columns.map(({ name }) => make("div", { role: "gridcell", class: `cell ${name}` }));
    const element = make("div", { role: "row", class: "row" }, ...cells);
    this.#body.append(element);
    return { element, cells, index: -1, key: "" };
  }

  /** @param {EventTarget | null} target */
  #indexOf(target) {
    const element = target instanceof Element ? target.closest(".row") : null;
    return this.#rows.find((row) => row.element === element)?.index ?? -1;
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    if (event.target instanceof HTMLButtonElement || event.target instanceof HTMLAnchorElement) return;
    const at = this.#indexOf(event.target);
    if (at < 0) return;
    if (event.shiftKey) this.#selectTo(at);
    else if (event.ctrlKey || event.metaKey || (event.target instanceof Element && event.target.closest(".select"))) this.#toggle(at);
    this.#moveTo(at, event.shiftKey);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.altKey || (event.target instanceof HTMLElement && event.target !== this.element)) return;
    const page = Math.max(1, Math.floor((this.element.clientHeight - this.#head.offsetHeight) / this.#height) - 1);
    const start = Math.max(0, this.#cursor);
    const moves = { ArrowDown: this.#cursor + 1, ArrowUp: start - 1, PageDown: start + page, PageUp: start - page, Home: 0, End: this.items.length - 1 };
    const to = moves[/** @type {keyof typeof moves} */ (event.key)];
    if (to !== undefined && !event.ctrlKey && !event.metaKey) {
      const at = Math.max(0, Math.min(this.items.length - 1, to));
      if (event.shiftKey) this.#selectTo(at);
      this.#moveTo(at, event.shiftKey);
    } else if (event.key === " " && this.#options.canSelect) this.#toggle(this.#cursor);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey) && this.#options.canSelect) {
      this.selected = new Set(this.items.map(this.#options.key));
      this.repaint();
    } else if (event.key === "Escape" && this.selected.size) this.clearSelection();
    else if (event.key === "Enter" && this.current !== undefined) this.#options.open?.(this.current);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} at */
  #toggle(at) {
    const item = this.items[at];
    if (item === undefined || !this.#options.canSelect) return;
    const key = this.#options.key(item);
    if (!this.selected.delete(key)) this.selected.add(key);
    this.#anchor = at;
    this.repaint();
  }

  /** @param {number} at */
  #selectTo(at) {
    if (!this.#options.canSelect) return;
    const from = this.#anchor < 0 ? Math.max(0, this.#cursor) : this.#anchor;
    this.selected = new Set(this.items.slice(Math.min(from, at), Math.max(from, at) + 1).map(this.#options.key));
    this.#anchor = from;
  }

  /**
   * @param {number} at
   * @param {boolean} [isSelecting]
   */
  #moveTo(at, isSelecting = false) {
    const item = this.items[at];
    if (item === undefined) return;
    if (!isSelecting) this.#anchor = at;
    this.#cursor = at;
    this.#cursorKey = this.#options.key(item);
    const room = this.element.clientHeight - this.#head.offsetHeight;
    const top = at * this.#height;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top + this.#height > this.element.scrollTop + room) this.element.scrollTop = top + this.#height - room;
    this.#options.point?.(item);
    this.repaint();
  }
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string} value
 */
function set(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
