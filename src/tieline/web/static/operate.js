/**
 * Operating a point in three visible steps: select, confirm, outcome. Beside it what others do: approvals, tags, programs.
 * @module
 */

import { get } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatNumber } from "./format.js";
import { send } from "./login/requests.js";
import { startPage } from "./page.js";
import { isDiscrete, stateOf } from "./states.js";
import { canAct, makeAction } from "./supervision.js";
import { ValueCell } from "./value-cell.js";

const SIGNS = { met: "✓", refused: "✗", open: "…", noted: "·" };
const WORDS = { met: "met", refused: "refused", open: "open", noted: "noted" };
const RESULTS = { done: "Done", refused: "Refused", failed: "Failed", unknown: "Unknown" };
const MOST_BESIDE = 8;
const MOST_LISTED = 500;

/** @typedef {import("./types.js").Point} Point */
/** @typedef {import("./types.js").Selection} Selection */

void startPage(async (live, sites) => {
  const failure = make("p", { class: "failure", role: "alert" });
  const [controls, setpoints] = await Promise.all([writable("control"), writable("setpoint")]);
  const points = [...controls, ...setpoints];
  const asked = new URLSearchParams(location.search).get("point");
  /** @type {Point | null} */ let chosen = null;
  /** @type {Selection | null} */ let selection = null;
  /** @type {ValueCell[]} */ let cells = [];

  const site = make("select", { id: "site" }, make("option", { value: "" }, "all sites"), ...sites.map((one) => make("option", { value: one.name }, one.title)));
  const search = make("input", { type: "search", id: "search", placeholder: "name, description, equipment" });
  const list = make("select", { id: "point", size: "14" });
  const beside = make("ul", { class: "beside", "aria-label": "Values of the equipment" });
  const name = make("p", { class: "chosen" }, "Choose a point.");
  const values = make("div", { class: "values", role: "group", "aria-label": "Value" });
  const reason = make("input", { type: "text", id: "reason", maxlength: "200", autocomplete: "off" });
  const choose = makeAction("Select", failure, select);
  const verdicts = make("ul", { class: "verdicts", "aria-label": "What the checks say" });
  const standing = make("p", { class: "standing", role: "status" }, "Nothing is selected.");
  const confirm = makeAction("Execute", failure, execute);
  const cancel = makeAction("Cancel", failure, giveUp);
  const outcome = make("p", { class: "outcome", role: "status" }, "Nothing was executed here.");
  const steps = ["1 Select", "2 Confirm", "3 Outcome"].map((title) => make("h2", {}, title));
  const approvals = make("ul", { class: "rows" });
  const tags = make("ul", { class: "rows" });
  const programs = make("ul", { class: "rows" });
  const commands = make("ul", { class: "rows" });
  const kind = make("select", { "aria-label": "Kind of tag" }, make("option", { value: "do_not_operate" }, "do not operate"), make("option", { value: "information" }, "information"));
  const why = make("input", { type: "text", "aria-label": "Reason of the tag", placeholder: "reason", maxlength: "200", autocomplete: "off" });
  const hang = makeAction("Hang on the chosen point", failure, async () => {
    if (!chosen) throw new Error("Choose a point first.");
    await send("POST", "control/tags", { kind: kind.value, target: chosen.path, reason: why.value });
    why.value = "";
    await refresh();
  });
  confirm.disabled = cancel.disabled = true;

  byId("main").append(
    make(
      "section",
      { class: "panel step", "aria-label": "Select" },
      steps[0],
      make("div", { class: "scroll body", tabindex: "0", role: "region", "aria-label": "Point and value" },
        make("label", { for: "site" }, "Site"), site,
        make("label", { for: "search" }, "Search"), search,
        make("label", { for: "point" }, "Point"), list,
        name, beside,
        make("p", { class: "label" }, "Value"), values,
        make("label", { for: "reason" }, "Reason"), reason,
        make("div", { class: "buttons" }, choose)),
    ),
    make("section", { class: "panel step", "aria-label": "Confirm" }, steps[1], make("div", { class: "scroll body", tabindex: "0", role: "region", "aria-label": "Checks" }, standing, verdicts, make("div", { class: "buttons" }, confirm, cancel))),
    make("section", { class: "panel step", "aria-label": "Outcome" }, steps[2], make("div", { class: "scroll body", tabindex: "0", role: "region", "aria-label": "Outcome and commands" }, failure, outcome, make("h3", {}, "Newest commands"), commands)),
    make(
      "aside",
      { class: "panel step", "aria-label": "Approvals, tags and programs" },
      make("h2", {}, "Beside"),
      make("div", { class: "scroll body", tabindex: "0", role: "region", "aria-label": "Approvals, tags, programs" }, make("h3", {}, "To be approved"), approvals, make("h3", {}, "Tags"), tags, make("div", { class: "hang" }, kind, why, hang), make("h3", {}, "Switching programs"), programs),
    ),
  );
  if (!canAct()) {
    choose.hidden = hang.hidden = kind.hidden = why.hidden = true;
    setText(failure, "Only shown: nobody is logged in here.");
  }

  function offer() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = points.filter((point) => (!site.value || point.site === site.value) && words.every((word) => `${point.path} ${point.description} ${point.equipment}`.toLowerCase().includes(word)));
    list.replaceChildren(...found.slice(0, MOST_LISTED).map((point) => make("option", { value: point.path }, `${point.path} — ${point.description}`)));
    if (chosen) list.value = chosen.path;
  }

  /** @param {Point} point */
  async function take(point) {
    chosen = point;
    setText(name, point.path);
    history.replaceState(null, "", `?point=${point.path}`);
    values.replaceChildren(...(isDiscrete(point) ? makeStates(point) : [makeNumber(point)]));
    const page = await get("points", { site: point.site, text: point.equipment || point.path, limit: 200 });
    if (chosen !== point) return;
    /** @type {Point[]} */
    const near = [...page.points].filter((/** @type {Point} */ one) => one.id === point.id || (point.equipment && one.equipment === point.equipment));
    near.sort((one, other) => Number(other.quantity === point.quantity) - Number(one.quantity === point.quantity));
    cells = near.slice(0, MOST_BESIDE).map((one) => new ValueCell(one));
    beside.replaceChildren(...cells.map((cell) => make("li", {}, make("span", {}, cell.point.name), cell.element, cell.unit)));
    live.subscribe(cells.map((cell) => cell.point.id));
  }

  /** @param {Point} point */
  function makeStates(point) {
    return [0, 1].map((value) => {
      const choice = make("input", { type: "radio", name: "value", value: String(value) });
      return make("label", {}, choice, orderOf(point, value));
    });
  }

  /** @param {Point} point */
  function makeNumber(point) {
    const limits = point.low === null && point.high === null ? "" : `${point.low ?? "…"} to ${point.high ?? "…"} `;
    return make("label", {}, make("input", { type: "number", name: "value", step: "any" }), `${limits}${point.unit}`);
  }

  function value() {
    const given = /** @type {HTMLInputElement | null} */ (values.querySelector("input[type=number], input:checked"));
    if (!given || given.value === "") throw new Error("Choose a value.");
    return Number(given.value);
  }

  async function select() {
    if (!chosen) throw new Error("Choose a point.");
    if (selection && !selection.is_refused) await giveUp();
    selection = await send("POST", "control/select", { point: chosen.path, value: value(), reason: reason.value });
    setText(outcome, "Nothing was executed here.");
    delete outcome.dataset.result;
    showSelection();
    (confirm.disabled ? choose : confirm).focus();
  }

  async function execute() {
    if (!selection) return;
    const { id, path } = selection;
    setText(outcome, `${path}: released, waiting for its feedback`);
    selection = null;
    showSelection();
    let found;
    try {
      found = await send("POST", "control/execute", { selection: id, reason: reason.value });
    } catch (error) {
      setText(outcome, `${path}: no answer; asking what became of it`);
      found = await send("GET", `control/operations/${id}`).catch(() => Promise.reject(error));
    }
    showOutcome(path, found);
  }

  async function giveUp() {
    if (!selection) return;
    const { id } = selection;
    selection = null;
    showSelection();
    await send("POST", "control/cancel", { selection: id });
  }

  function showSelection() {
    verdicts.replaceChildren(
      ...(selection?.verdicts ?? []).map((verdict) =>
        make("li", { "data-standing": verdict.standing }, make("b", { title: WORDS[verdict.standing] }, SIGNS[verdict.standing]), make("span", { class: "quiet-words" }, `${WORDS[verdict.standing]}: `), make("span", {}, verdict.words)),
      ),
    );
    confirm.disabled = !selection?.is_ready;
    cancel.disabled = !selection || selection.is_refused;
    showTime();
  }

  function showTime() {
    if (!selection) return setText(standing, "Nothing is selected.");
    const point = points.find((one) => one.id === selection?.point);
    const what = `${selection.path} to ${point ? orderOf(point, selection.value) : selection.value}`;
    if (selection.is_refused) return setText(standing, `${what}: refused, nothing is held.`);
    const left = Math.ceil((Date.parse(selection.expires) * 1_000 - live.now()) / 1e6);
    if (left <= 0) {
      selection = null;
      showSelection();
      return setText(standing, `${what}: not executed in time, nothing is held any more.`);
    }
    setText(standing, `${what}: ${selection.is_ready ? "ready" : selection.reason}, held for ${left} s`);
  }

  /**
   * @param {string} path
   * @param {import("./types.js").Outcome} found
   */
  function showOutcome(path, found) {
    outcome.dataset.result = found.result;
    setText(outcome, `${RESULTS[found.result]}: ${path}${found.reason ? `, ${found.reason}` : ""}`);
    void refresh();
  }

  async function refresh() {
    /** @type {import("./types.js").Control} */
    let control;
    try {
      control = await get("control", { limit: 12 });
    } catch (error) {
      return setText(failure, error instanceof Error ? error.message : String(error));
    }
    const mine = control.selections.find((one) => one.id === selection?.id);
    if (mine && selection) {
      selection = mine;
      showSelection();
    }
    const waiting = control.selections.filter((one) => one.id !== selection?.id && one.verdicts.some((verdict) => verdict.check === "second_person" && verdict.standing === "open"));
    fill(approvals, waiting.map((one) => row(`${one.path} to ${one.value}, by ${one.requester}`, action("Approve", () => send("POST", "control/approve", { selection: one.id }), one.path))), "nothing");
    fill(tags, control.tags.map((tag) => row(`${tag.kind === "do_not_operate" ? "do not operate" : "information"}: ${tag.target}, ${tag.reason} (${tag.owner})`, action("Remove", () => send("POST", `control/tags/${tag.id}/remove`, { reason: "" }), tag.target))), "no tags");
    fill(commands, control.operations.map((one) => row(`${one.released.slice(11, 19)}Z ${one.path} to ${one.value} by ${one.requester}: ${one.outcome ? `${one.outcome.result} ${one.outcome.reason}` : "under way"}`)), "none");
    fill(programs, [...control.runs.map(makeRun), ...control.programs.map((program) => row(`${program.title}, ${program.steps.length} steps`, action("Start", () => send("POST", `control/programs/${program.name}/start`), program.title)))], "none");
  }

  /** @param {import("./types.js").Control["runs"][number]} run */
  function makeRun(run) {
    const can = { running: ["stop"], waiting: ["confirm", "stop"], stopped: ["resume", "abandon"], done: [], abandoned: [] }[run.state];
    const text = `${run.program}: ${run.state}, step ${Math.min(run.step + 1, run.steps.length)} of ${run.steps.length}${run.words ? `, ${run.words}` : ""}`;
    return row(text, ...can.map((what) => action(what[0].toUpperCase() + what.slice(1), () => send("POST", `control/runs/${run.id}/${what}`, {}), run.program)));
  }

  /**
   * @param {string} text
   * @param {() => Promise<unknown>} work
   * @param {string} label
   */
  function action(text, work, label) {
    const button = makeAction(text, failure, () => work().then(refresh), `${text} ${label}`);
    button.hidden = !canAct();
    return button;
  }

  list.addEventListener("change", () => {
    const point = points.find((one) => one.path === list.value);
    if (point) void take(point);
  });
  for (const control of [site, search]) control.addEventListener("input", offer);
  offer();
  const first = points.find((point) => point.path === asked);
  if (first) {
    list.value = first.path;
    void take(first);
  }
  let seen = "";
  live.listen((changes) => {
    for (const cell of cells) {
      if (changes.links || changes.points.has(cell.point.id)) cell.paint(live.samples.get(cell.point.id), live.isStale(cell.point), live.now());
    }
    if (!changes.supervision || !live.supervision) return;
    const next = live.supervision.control.join("/");
    if (next === seen) return;
    seen = next;
    void refresh();
  });
  setInterval(() => {
    if (selection && !selection.is_refused) showTime();
    for (const cell of cells) cell.paint(live.samples.get(cell.point.id), live.isStale(cell.point), live.now());
  }, 1_000);
  await refresh();
  return { title: "Operate", subtitle: "select, confirm, execute" };
});

/**
 * What a value means as an order to this point, in words.
 * @param {Point} point
 * @param {number} value
 */
function orderOf(point, value) {
  if (!isDiscrete(point)) return `${formatNumber(value, point.decimals)} ${point.unit}`;
  return `${point.quantity === "switch_position" ? (value ? "close" : "open") : stateOf(point, value)} (${value})`;
}

/**
 * @param {"control" | "setpoint"} kind
 * @returns {Promise<Point[]>}
 */
async function writable(kind) {
  return (await get("points", { kind, limit: 5_000 })).points;
}

/**
 * @param {string} text
 * @param {...HTMLElement} buttons
 */
function row(text, ...buttons) {
  return make("li", {}, make("span", {}, text), ...buttons);
}

/**
 * @param {HTMLElement} place
 * @param {HTMLElement[]} rows
 * @param {string} nothing
 */
function fill(place, rows, nothing) {
  place.replaceChildren(...(rows.length ? rows : [make("li", { class: "none" }, nothing)]));
}
