/**
 * The pens of the trend in a table: newest value, values at the cursors and their difference, statistics of the range on screen.
 * @module
 */

import { make, setText } from "./dom.js";
import { formatDate, formatMoment, formatNumber, formatTime, parseMoment } from "./format.js";
import { isDiscrete, stateOf } from "./states.js";
import { texts } from "./texts/trend.js";
import { valueAt } from "./trend-columns.js";
import { holdOf } from "./trend-data.js";
import { ValueCell } from "./value-cell.js";

const SIGNS = ["", "?", "×"];
const { heads, headWords } = texts;

/**
 * @typedef {object} Row
 * @property {import("./types.js").Point} point
 * @property {ValueCell} cell
 * @property {Record<string, HTMLElement>} cells
 * @property {HTMLElement} show
 */

/** @typedef {{onHide: (id: number, isHidden: boolean) => void, onRemove: (id: number) => void, onMove: (id: number, by: number) => void}} PenActions */

export class Pens {
  /** @type {Row[]} */ #rows = [];
  #body = make("tbody");
  #actions;
  element;

  /** @param {PenActions} actions */
  constructor(actions) {
    this.#actions = actions;
    const right = (/** @type {string} */ name, /** @type {string} */ words) =>
      make("th", { scope: "col", class: "right", "data-column": name, ...(name in headWords ? { title: headWords[/** @type {keyof typeof headWords} */ (name)] } : {}) }, words);
    const head = make(
      "tr",
      {},
      make("th", { scope: "col" }, heads.pen),
      make("th", { scope: "col" }, heads.point),
      right("now", heads.now),
      make("th", { scope: "col" }, heads.unit),
      right("pointer", heads.pointer),
      right("first", heads.first),
      right("second", heads.second),
      right("difference", heads.difference),
      right("min", heads.min),
      right("min_time", heads.at),
      right("max", heads.max),
      right("max_time", heads.at),
      right("mean", heads.mean),
      right("deviation", heads.deviation),
      right("integral", heads.integral),
      right("good", heads.good),
      make("td"),
    );
    this.element = make("table", { class: "pens" }, make("caption", { class: "quiet-words" }, texts.points), make("thead", {}, head), this.#body);
  }

  /**
   * @param {import("./types.js").Point[]} points
   * @param {Set<number>} hidden
   */
  setPoints(points, hidden) {
    const focused = document.activeElement?.getAttribute("aria-label");
    this.#rows = points.map((point) => {
      const names = ["pointer", "first", "second", "difference", "min", "min_time", "max", "max_time", "mean", "deviation", "integral", "good"];
      const cells = Object.fromEntries(names.map((name) => [name, make("td", { class: "right", "data-column": name })]));
      const show = make("button", { type: "button", class: "swatch", "aria-pressed": String(!hidden.has(point.id)), "aria-label": texts.show(point.path) });
      return { point, cell: new ValueCell(point), cells, show };
    });
    this.#body.replaceChildren(...this.#rows.map((row, index) => this.#makeRow(row, index)));
    const again = [...this.#body.querySelectorAll("button")].find((button) => button.getAttribute("aria-label") === focused);
    again?.focus();
  }

  /**
   * @param {Row} row
   * @param {number} index
   */
  #makeRow({ point, cell, cells, show }, index) {
    show.append(make("i"), String(index + 1));
    show.addEventListener("click", () => {
      const isHidden = show.getAttribute("aria-pressed") === "true";
      show.setAttribute("aria-pressed", String(!isHidden));
      this.#actions.onHide(point.id, isHidden);
    });
    const button = (/** @type {string} */ sign, /** @type {string} */ label, /** @type {() => void} */ action, isOff = false) => {
      const element = make("button", { type: "button", "aria-label": label, title: label, ...(isOff ? { disabled: "" } : {}) }, sign);
      element.addEventListener("click", action);
      return element;
    };
    return make(
      "tr",
      { "data-trace": String((index % 16) + 1), "data-point": point.path },
      make("td", {}, show),
      make("td", { class: "pen-point" }, make("a", { class: "path", href: `/site/${point.site}` }, point.path), make("span", { class: "description" }, point.description)),
      make("td", { class: "right now" }, cell.element),
      make("td", { class: "unit" }, point.unit),
      ...Object.values(cells),
      make(
        "td",
        { class: "pen-actions" },
        button("↑", texts.up(point.path), () => this.#actions.onMove(point.id, -1), index === 0),
        button("↓", texts.down(point.path), () => this.#actions.onMove(point.id, 1), index === this.#rows.length - 1),
        button("×", texts.remove(point.path), () => this.#actions.onRemove(point.id)),
      ),
    );
  }

  /**
   * @param {import("./live.js").Live} live
   * @param {Set<number> | null} changed points; null for all
   */
  paintNewest(live, changed) {
    for (const { point, cell } of this.#rows) {
      if (!changed || changed.has(point.id)) cell.paint(live.samples.get(point.id), live.isStale(point), live.now());
    }
  }

  /**
   * The values at the pointer and the two cursors; null where there is none.
   * @param {import("./buckets.js").Buckets} buckets
   * @param {number | null} pointer microseconds
   * @param {(number | null)[]} cursors
   */
  showAt(buckets, pointer, cursors) {
    for (const { point, cells } of this.#rows) {
      const lane = buckets.lane(point.id);
      const found = [pointer, ...cursors].map((time) => (time === null ? null : valueAt(buckets, lane, time, holdOf(point))));
      found.forEach((one, index) => {
        const words = one ? `${wordsFor(point, one.value)}${SIGNS[one.severity]}` : "";
        setText(cells[["pointer", "first", "second"][index]], words);
      });
      const [, first, second] = found;
      const isBoth = first && second && !isDiscrete(point);
      setText(cells.difference, isBoth ? formatNumber(second.value - first.value, point.decimals) : "");
    }
  }

  /**
   * Statistics as `/api/history/statistics` gives them; null while they are not known.
   * @param {import("./types.js").StatisticsAnswer | null} answer
   */
  showStatistics(answer) {
    const byId = new Map(answer?.statistics.map((one) => [one.id, one]));
    const isLong = answer !== null && answer.end_us - answer.start_us > 86_400e6;
    for (const { point, cells } of this.#rows) {
      const found = byId.get(point.id);
      const number = (/** @type {number | null | undefined} */ value, more = 0) => (value === null || value === undefined ? "" : formatNumber(value, point.decimals + more));
      const state = (/** @type {number | null | undefined} */ value) => (value === null || value === undefined ? "" : wordsFor(point, value));
      const isNumber = !isDiscrete(point);
      setText(cells.min, isNumber ? state(found?.min) : "");
      setText(cells.max, isNumber ? state(found?.max) : "");
      for (const name of /** @type {const} */ (["min_time", "max_time"])) {
        const time = found?.[name] ? parseMoment(found[name]) : NaN;
        setText(cells[name], Number.isNaN(time) || !isNumber ? "" : isLong ? `${formatDate(time).slice(5)} ${formatTime(time).slice(0, 5)}` : formatTime(time));
        cells[name].title = Number.isNaN(time) ? "" : formatMoment(time);
      }
      setText(cells.mean, isNumber ? number(found?.mean, 1) : "");
      setText(cells.deviation, isNumber ? number(found?.deviation, 1) : "");
      setText(cells.integral, isNumber ? number(found?.integral, 1) : "");
      setText(cells.good, found ? formatNumber(found.good_percent, 1) : "");
    }
  }
}

/**
 * @param {import("./types.js").Point} point
 * @param {number} value
 */
function wordsFor(point, value) {
  return isDiscrete(point) ? stateOf(point, value) : formatNumber(value, point.decimals);
}
