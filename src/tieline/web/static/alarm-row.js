/**
 * One row of the list of alarms.
 * @module
 */

import { StateMark } from "./alarm-state.js";
import { isUnacknowledged } from "./alarm-order.js";
import { make, setText } from "./dom.js";
import { formatExact, formatExactMoment } from "./exact-time.js";
import { formatAge, formatNumber, parseMoment } from "./format.js";
import { makePriority } from "./supervision.js";
import { texts } from "./texts/alarms.js";

const say = texts.columns;

/** @typedef {import("./types.js").Alarm} Alarm */

export const COLUMNS = [
  { name: "select", title: "", words: say.selectWords },
  { name: "priority-cell", title: say.priority, words: say.priorityWords },
  { name: "state", title: say.state },
  { name: "time", title: say.raised, words: say.raisedWords },
  { name: "numeric since", title: say.since },
  { name: "site", title: say.site },
  { name: "equipment", title: say.equipment },
  { name: "text", title: say.text },
  { name: "numeric then", title: say.then },
  { name: "numeric now", title: say.now },
  { name: "numeric limit", title: say.limit },
  { name: "response", title: say.response },
  { name: "returns", title: say.returns },
  { name: "reason", title: say.reason },
  { name: "actions", title: "", words: say.actionsWords },
];

export class AlarmRow {
  #element;
  /** @type {Record<string, HTMLElement>} */ #cells;
  #state = new StateMark();
  #words = make("span");
  #marks = make("span", { class: "marks" });
  #button = make("button", { type: "button", class: "button", tabindex: "-1" }, texts.actions.short);
  #priority = 0;
  #marked = "";

  /**
   * @param {HTMLElement} element
   * @param {HTMLElement[]} cells
   */
  constructor(element, cells) {
    this.#element = element;
    this.#cells = Object.fromEntries(COLUMNS.map(({ name }, index) => [name.replace("numeric ", ""), cells[index]]));
    this.#cells.state.append(this.#state.element);
    this.#cells.text.append(this.#words, this.#marks);
    this.#cells.actions.append(this.#button);
  }

  /**
   * @param {Alarm} alarm
   * @param {{values: import("./alarm-values.js").AlarmValues, now: number, place: string, canAcknowledge: boolean}} around
   */
  paint(alarm, { values, now, place, canAcknowledge }) {
    const cells = this.#cells;
    const raised = parseMoment(alarm.raised);
    const isOpen = isUnacknowledged(alarm);
    this.#element.dataset.alarm = alarm.id;
    this.#element.dataset.state = alarm.state;
    this.#element.classList.toggle("unacknowledged", isOpen);
    if (this.#priority !== alarm.priority) {
      this.#priority = alarm.priority;
      cells["priority-cell"].replaceChildren(makePriority(alarm.priority));
    }
    this.#state.show(alarm.state);
    setText(cells.time, `${formatExact(raised, now)}${alarm.has_device_time || !alarm.raised ? "" : " ~"}`);
    setTitle(cells.time, alarm.raised ? `${formatExactMoment(raised)}, ${alarm.has_device_time ? texts.detail.deviceTime : texts.detail.otherTime}` : "");
    setText(cells.since, alarm.raised ? formatAge(now - raised) : "");
    setText(cells.site, place);
    setText(cells.equipment, alarm.equipment || [alarm.device, alarm.point].filter(Boolean).join("/"));
    setTitle(cells.equipment, [alarm.device, alarm.point].filter(Boolean).join("/"));
    setText(this.#words, alarm.text);
    setTitle(cells.text, alarm.text);
    this.#paintMarks(alarm);
    const current = values.now(alarm);
    setText(cells.then, values.then(alarm));
    setText(cells.now, current.words);
    cells.now.dataset.stale = String(current.isStale);
    cells.now.dataset.quality = current.mark;
    setText(cells.limit, alarm.limit === null ? "" : `${formatNumber(alarm.limit, values.pointOf(alarm)?.decimals ?? 2)} ${alarm.unit}`);
    setText(cells.response, alarm.response);
    setTitle(cells.response, alarm.response);
    setText(cells.returns, returnsWhen(alarm, now));
    const reason = [alarm.reason, alarm.state === "out_of_service" ? alarm.out_of_service_by : alarm.shelved_by].filter(Boolean).join(" · ");
    setText(cells.reason, reason);
    setTitle(cells.reason, reason);
    this.#button.hidden = !canAcknowledge;
    const label = texts.actions.acknowledgeOne(alarm.id);
    if (this.#button.ariaLabel !== label) this.#button.ariaLabel = label;
  }

  /** @param {Alarm} alarm */
  #paintMarks(alarm) {
    const marks = /** @type {const} */ ([["first", alarm.is_first_out], ["chattering", alarm.is_chattering], ["stale", alarm.is_stale], ["lost", alarm.is_communication_lost]]).flatMap(([name, isSet]) => (isSet ? [name] : []));
    if (marks.join() === this.#marked) return;
    this.#marked = marks.join();
    this.#marks.replaceChildren(...marks.map((name) => make("b", { class: "mark", title: texts.markWords[name] }, texts.marks[name])));
  }
}

/**
 * When an alarm that is held back comes back by itself, or what has to happen for it.
 * @param {Alarm} alarm
 * @param {number} now
 */
function returnsWhen(alarm, now) {
  if (alarm.state === "shelved") {
    const until = parseMoment(alarm.shelved_until);
    return Number.isFinite(until) ? `${texts.until(formatExact(until, now).replace(/\.\d+$/, ""))}, in ${formatAge(until - now)}` : "";
  }
  if (alarm.state === "suppressed_by_design") return texts.byDesign;
  return alarm.state === "out_of_service" ? texts.byPerson : "";
}

/**
 * @param {HTMLElement} element
 * @param {string} title
 */
function setTitle(element, title) {
  if (element.title !== title) element.title = title;
}
