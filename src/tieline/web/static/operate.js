/**
 * Operating: any point that takes commands, found and operated here; beside it what is selected now, by whom, and the newest commands.
 * @module
 */

import { pointAddress } from "./addresses.js";
import { get, getPointsById } from "./api.js";
import { makeCommandTable, makeSelectionTable } from "./control-tables.js";
import { watchControl } from "./control-watch.js";
import { byId, make, setText } from "./dom.js";
import { OperateSteps } from "./operate-steps.js";
import { startPage } from "./page.js";
import { addShortcut } from "./shortcuts.js";
import { makeTagRows } from "./tag-list.js";
import { texts } from "./texts/operate.js";
import { ValueCell } from "./value-cell.js";

const MOST_LISTED = 300;
const MOST_VALUES = 10;
const TICK_MS = 250;

/** @typedef {import("./types.js").Point} Point */

void startPage(async (live, sites, { identity }) => {
  const [controls, setpoints] = await Promise.all([writable("control"), writable("setpoint")]);
  const points = [...controls, ...setpoints].filter((point) => identity.may("operate", point.site));
  const byPath = new Map(points.map((point) => [point.path, point]));
  const control = watchControl(live);
  const steps = new OperateSteps(live, identity);
  /** @type {Point | null} */ let chosen = null;
  /** @type {Point[]} */ let near = [];
  /** @type {ValueCell[]} */ let cells = [];
  let endWatch = () => {};

  const site = make("select", { "aria-label": texts.site }, make("option", { value: "" }, texts.everySite), ...sites.map((one) => make("option", { value: one.name }, one.title)));
  const search = make("input", { type: "search", "aria-label": texts.search, placeholder: texts.searchHint });
  const found = make("p", { class: "found", role: "status" });
  const list = make("ul", { class: "choose" });
  const name = make("h2", {}, texts.nothingChosen);
  const path = make("a", { class: "path" });
  const values = make("ul", { class: "near" });
  const tags = makeTagRows(live, false, () => control.refresh());
  const failure = make("p", { class: "failure", role: "alert" });
  const selections = makeSelectionTable(live, control, byPath);
  const commands = makeCommandTable(live, control, byPath);
  const body = make("div", { class: "scroll body", tabindex: "0", role: "region", "aria-label": texts.title }, path, values, tags.element, steps.element);
  body.hidden = true;
  byId("main").append(
    make("section", { class: "panel chooser", "aria-label": texts.choose }, make("div", { class: "search-row" }, search, site), found, make("div", { class: "scroll", tabindex: "-1" }, list)),
    make("section", { class: "panel operated" }, name, failure, body),
    make(
      "div",
      { class: "others" },
      make("section", { class: "panel" }, make("h2", {}, texts.selections), selections.element),
      make("section", { class: "panel" }, make("h2", {}, texts.commands), commands.element),
    ),
  );

  const offer = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = points.filter((point) => (!site.value || point.site === site.value) && words.every((word) => `${point.path} ${point.description} ${point.equipment}`.toLowerCase().includes(word)));
    list.replaceChildren(...fitting.slice(0, MOST_LISTED).map(makeChoice));
    setText(found, fitting.length ? texts.found(Math.min(fitting.length, MOST_LISTED), points.length) : texts.nothingFound);
  };
  /** @param {Point} point */
  const makeChoice = (point) => {
    const button = make("button", { type: "button", "data-point": point.path }, make("span", { class: "name" }, point.path), make("span", { class: "words" }, point.description));
    if (point === chosen) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => void choose(point));
    return make("li", {}, button);
  };
  /** @param {Point} point */
  const choose = async (point) => {
    // until this point is known nothing can be operated here: what is clicked meanwhile was meant for it, not for the one before
    chosen = point;
    body.hidden = true;
    steps.clear();
    setText(name, point.description || point.name);
    for (const button of list.querySelectorAll("button")) {
      if (button.dataset.point === point.path) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    history.replaceState(null, "", `?point=${point.path}`);
    setText(failure, "");
    try {
      /** @type {import("./types.js").Details} */
      const details = await get(`details/points/${point.id}`);
      const known = await getPointsById([...new Set([...details.beside, ...(details.writing?.feedback ? [details.writing.feedback] : [])])]);
      if (chosen !== point || !details.writing) return;
      near = [...known.values()];
      setText(path, point.path);
      path.href = pointAddress(point.path);
      const shown = [...near].sort((one, other) => Number(other.quantity === point.quantity) - Number(one.quantity === point.quantity)).slice(0, MOST_VALUES);
      cells = shown.map((one) => new ValueCell(one));
      values.replaceChildren(...cells.map((cell) => make("li", {}, make("a", { href: pointAddress(cell.point.path) }, cell.point.name), cell.element, cell.unit)));
      endWatch();
      endWatch = live.watch(near.map((one) => one.id));
      body.hidden = false;
      steps.show(point, details.writing, known.get(details.writing.feedback ?? -1) ?? null);
      paint();
    } catch (error) {
      if (chosen === point) setText(failure, error instanceof Error ? error.message : String(error));
    }
  };
  const paint = () => {
    for (const cell of cells) cell.paint(live.samples.get(cell.point.id), live.isStale(cell.point), live.now());
    const point = chosen;
    if (point) tags.show(control.tagsOn(point, new Set(near.filter((one) => one.equipment === point.equipment && point.equipment).map((one) => one.path))));
    steps.paint();
    selections.paint();
  };
  list.addEventListener("keydown", (event) => moveFocus(event, list));
  search.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    list.querySelector("button")?.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) void steps.giveUp();
  });
  for (const input of [site, search]) input.addEventListener("input", offer);
  addShortcut("f", texts.search, () => search.focus());
  control.listen(paint);
  live.listen((changes) => {
    if (changes.links || changes.points.size) paint();
  });
  setInterval(paint, TICK_MS);
  offer();
  void control.refresh();
  const asked = byPath.get(new URLSearchParams(location.search).get("point") ?? "");
  if (asked) await choose(asked);
  return { title: texts.title, subtitle: texts.subtitle };
});

/**
 * Arrow keys move between the rows of a list.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} list
 */
function moveFocus(event, list) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const rows = /** @type {HTMLElement[]} */ ([...list.querySelectorAll("button")]);
  rows[rows.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + step]?.focus();
  event.preventDefault();
}

/**
 * @param {"control" | "setpoint"} kind
 * @returns {Promise<Point[]>}
 */
async function writable(kind) {
  return (await get("points", { kind, limit: 5_000 })).points;
}
