/**
 * What is selected now, on every desk, and the newest commands with their outcomes.
 * @module
 */

import { pointAddress } from "./addresses.js";
import { isStep } from "./control-watch.js";
import { make, setText } from "./dom.js";
import { formatNumber, formatRecent, parseMoment } from "./format.js";
import { orderOf } from "./orders.js";
import { texts } from "./texts/operate.js";

const SIGNS = { done: "✓", refused: "✗", failed: "✗", unknown: "?" };

/** @typedef {import("./types.js").Point} Point */

/**
 * @param {import("./live.js").Live} live
 * @param {import("./control-watch.js").ControlWatch} control
 * @param {ReadonlyMap<string, Point>} points
 */
export function makeSelectionTable(live, control, points) {
  const { point, order, person, left } = texts.heads;
  const table = makeTable(texts.selections, [point, order, person, left], texts.noSelections);
  let painted = "none yet";
  return {
    element: table.element,
    paint() {
      const held = control.state?.selections ?? [];
      const next = held.map((one) => `${one.id}${one.is_ready}`).join();
      if (next !== painted) {
        painted = next;
        table.show(
          held.map((one) => [
            makePoint(one.path),
            orderIn(points, one.path, one.value),
            one.requester,
            make("span", { class: "left", "data-expires": String(parseMoment(one.expires)) }),
          ]),
        );
      }
      for (const cell of /** @type {Iterable<HTMLElement>} */ (table.element.querySelectorAll(".left"))) {
        setText(cell, `${Math.max(0, Math.ceil((Number(cell.dataset.expires) - live.now()) / 1e6))} s`);
      }
    },
  };
}

/**
 * @param {import("./live.js").Live} live
 * @param {import("./control-watch.js").ControlWatch} control
 * @param {ReadonlyMap<string, Point>} points
 */
export function makeCommandTable(live, control, points) {
  const { time, point, order, person, outcome } = texts.heads;
  const table = makeTable(texts.commands, [time, point, order, person, outcome], texts.noCommands);
  const paint = () => {
    const now = live.now();
    table.show(
      (control.state?.operations ?? []).filter((one) => !isStep(one)).map((one) => [
        make("span", { class: "number" }, formatRecent(parseMoment(one.released), now)),
        makePoint(one.path),
        orderIn(points, one.path, one.value),
        one.approved_by ? `${one.requester}, ${one.approved_by}` : one.requester,
        makeOutcome(one.outcome),
      ]),
    );
  };
  control.listen(paint);
  document.addEventListener("zonechange", paint);
  return { element: table.element };
}

/** @param {import("./types.js").Outcome | null} outcome */
function makeOutcome(outcome) {
  if (!outcome) return make("span", { class: "result", "data-result": "under_way" }, `… ${texts.resultUnderWay}`);
  const words = `${SIGNS[outcome.result]} ${texts.results[outcome.result]}`;
  return make("span", { class: "result", "data-result": outcome.result, title: outcome.reason }, words, ...(outcome.reason ? [make("small", {}, outcome.reason)] : []));
}

/** @param {string} path */
function makePoint(path) {
  return make("a", { class: "path", href: pointAddress(path) }, path);
}

/**
 * @param {ReadonlyMap<string, Point>} points
 * @param {string} path
 * @param {number} value
 */
function orderIn(points, path, value) {
  const point = points.get(path);
  return point ? orderOf(point, value) : formatNumber(value, 2);
}

/**
 * @param {string} label
 * @param {string[]} heads
 * @param {string} nothing what is said where there are no rows
 */
function makeTable(label, heads, nothing) {
  const body = make("tbody");
  const table = make("table", { class: "control-table" }, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))), body);
  const empty = make("p", { class: "empty" }, nothing);
  const element = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, table, empty);
  return {
    element,
    /** @param {(Node | string)[][]} rows */
    show(rows) {
      const focused = document.activeElement instanceof HTMLElement && body.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      table.hidden = rows.length === 0;
      empty.hidden = rows.length > 0;
      body.replaceChildren(...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell)))));
      if (focused) /** @type {HTMLElement | null} */ (body.querySelector(`[href="${CSS.escape(focused)}"]`))?.focus();
    },
  };
}
