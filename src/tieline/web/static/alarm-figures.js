/**
 * The figures of ISA-18.2 clause 16 against its targets and those of EEMUA 191.
 * @module
 */

import { alarmsAddress } from "./addresses.js";
import { get } from "./api.js";
import { make } from "./dom.js";
import { formatMoment, formatNumber } from "./format.js";
import { makePriority, PRIORITIES } from "./supervision.js";
import { texts } from "./texts/alarms.js";

const say = texts.figures;

/**
 * @typedef {object} Figures
 * @property {number} alarms
 * @property {number} per_operator_hour
 * @property {number} most_in_ten_minutes
 * @property {number} percent_of_hours_above_30
 * @property {{began: number, ended: number, alarms: number}[]} floods
 * @property {number} percent_in_flood
 * @property {Record<string, number>} priorities
 * @property {{alarm: string, count: number, percent: number}[]} bad_actors
 * @property {string[]} chattering
 * @property {string[]} stale
 * @property {number} standing
 * @property {number} unacknowledged
 * @property {number} shelved
 * @property {number} suppressed
 * @property {number} out_of_service
 */

/**
 * @param {HTMLElement} place
 * @returns {() => Promise<void>} reads and shows them
 */
export function startFigures(place) {
  const range = make("select", { "aria-label": say.range }, ...Object.entries(say.ranges).map(([value, words]) => make("option", { value }, words)));
  range.value = "-24h";
  const operators = make("input", { type: "number", min: "1", max: "1000", value: "1", "aria-label": say.operators });
  const failure = make("p", { class: "failure", role: "alert" });
  const content = make("div", { class: "figure-grid", "aria-live": "polite" });
  place.append(
    make("div", { class: "toolbar" }, make("label", {}, say.range, range), make("label", {}, say.operators, operators), make("span", { class: "source" }, say.source)),
    failure,
    content,
  );

  async function show() {
    failure.textContent = "";
    if (!content.hasChildNodes()) content.append(make("p", { class: "empty" }, say.reading));
    try {
      const answer = await get("alarms/metrics", { from: range.value, operators: Math.max(1, Math.round(Number(operators.value)) || 1) });
      content.replaceChildren(...makeFigures(answer.figures));
    } catch (error) {
      content.replaceChildren();
      failure.textContent = error instanceof Error ? error.message : String(error);
    }
  }
  range.addEventListener("change", () => void show());
  operators.addEventListener("change", () => void show());
  document.addEventListener("zonechange", () => {
    if (!place.hidden) void show();
  });
  return show;
}

/** @param {Figures} told */
function makeFigures(told) {
  const topTen = told.bad_actors.reduce((sum, actor) => sum + actor.percent, 0);
  const percent = (/** @type {number} */ value) => `${formatNumber(value, 1)} %`;
  const whole = (/** @type {number} */ value) => formatNumber(value, 0);
  /** @type {[keyof typeof say.rows, string, boolean | null][]} whether the target is met; null where there is none */
  const rows = [
    ["alarms", whole(told.alarms), null],
    ["per_operator_hour", formatNumber(told.per_operator_hour, 1), told.per_operator_hour <= 12],
    ["most_in_ten_minutes", formatNumber(told.most_in_ten_minutes, 0), told.most_in_ten_minutes <= 10],
    ["percent_of_hours_above_30", percent(told.percent_of_hours_above_30), told.percent_of_hours_above_30 < 1],
    ["floods", whole(told.floods.length), told.floods.length === 0],
    ["percent_in_flood", percent(told.percent_in_flood), told.percent_in_flood < 1],
    ["top_ten", percent(topTen), told.alarms ? topTen <= 5 : null],
    ["chattering", whole(told.chattering.length), told.chattering.length === 0],
    ["stale", whole(told.stale.length), told.stale.length < 5],
    ["standing", whole(told.standing), null],
    ["unacknowledged", whole(told.unacknowledged), null],
    ["shelved", whole(told.shelved), null],
    ["suppressed", whole(told.suppressed), null],
    ["out_of_service", whole(told.out_of_service), null],
  ];
  /** @type {Record<string, string>} */
  const targets = say.targets;
  const main = makeTable(
    [say.figure, say.measured, say.target, say.verdict],
    rows.map(([name, value, isMet]) => [say.rows[name], value, targets[name] ?? "", isMet === null ? "" : verdict(isMet)]),
    [1],
  );
  const total = Object.values(told.priorities).reduce((sum, count) => sum + count, 0);
  const priorities = makeTable(
    [say.priority, say.count, say.share, say.target],
    [1, 2, 3, 4].map((priority) => {
      const count = told.priorities[String(priority)] ?? 0;
      const name = make("span", { class: "priority-name" }, makePriority(priority), PRIORITIES[priority]);
      return [name, whole(count), total ? percent((100 * count) / total) : "—", say.shares[priority]];
    }),
    [1, 2],
  );
  const actors = makeTable([say.alarm, say.count, say.share], told.bad_actors.map((actor) => [toAlarm(actor.alarm), whole(actor.count), percent(actor.percent)]), [1, 2]);
  const floods = makeTable(
    [say.began, say.ended, say.count],
    told.floods.map((flood) => [formatMoment(flood.began), flood.ended < Date.now() * 1e3 ? formatMoment(flood.ended) : say.goesOn, whole(flood.alarms)]),
    [2],
  );
  return [
    makeSection(say.title, main, ""),
    make("div", { class: "figure-column" }, makeSection(say.priorities, priorities, ""), makeSection(say.floods, floods, told.floods.length ? "" : say.none)),
    makeSection(say.actors, actors, told.bad_actors.length ? "" : say.none),
    make("div", { class: "figure-column" }, makeList(say.chattering, told.chattering), makeList(say.stale, told.stale)),
  ];
}

/** @param {boolean} isMet */
function verdict(isMet) {
  return make("span", { class: "verdict", "data-met": String(isMet) }, isMet ? say.met : say.missed);
}

/** @param {string} alarm */
const toAlarm = (alarm) => make("a", { href: alarmsAddress({ alarm, text: alarm }) }, alarm);

/**
 * @param {string} title
 * @param {string[]} alarms
 */
function makeList(title, alarms) {
  const list = make("ul", {}, ...alarms.map((alarm) => make("li", {}, toAlarm(alarm))));
  return makeSection(title, list, alarms.length ? "" : say.none);
}

/**
 * @param {string} title
 * @param {Element} content
 * @param {string} nothing said in place of it
 */
function makeSection(title, content, nothing) {
  return make("section", { class: "figure" }, make("h2", {}, title), nothing ? make("p", { class: "empty" }, nothing) : content);
}

/**
 * @param {string[]} heads
 * @param {(string | Node)[][]} rows
 * @param {number[]} numeric columns
 */
function makeTable(heads, rows, numeric) {
  /** @type {(column: number) => Record<string, string>} */
  const classOf = (column) => (numeric.includes(column) ? { class: "right number" } : {});
  return make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...heads.map((head, column) => make("th", { scope: "col", ...(numeric.includes(column) ? { class: "right" } : {}) }, head)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((words, column) => make("td", classOf(column), words))))),
  );
}
