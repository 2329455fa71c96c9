/**
 * What is marked at a symbol besides its state: an alarm by priority, and tags by shape. They stand at its left edge, over everything else.
 * @module
 */

import { draw } from "./dom.js";
import { makePriority } from "./supervision.js";
import { makeTagSign } from "./tag-list.js";

const SIZE = 15;

/**
 * @typedef {object} Marks what there is at a symbol
 * @property {import("./types.js").Alarm[]} alarms those that stand, the most urgent first
 * @property {import("./types.js").Tag[]} tags
 * @property {import("./types.js").Selection | null} selection
 */

/** @type {Marks} */
export const NO_MARKS = { alarms: [], tags: [], selection: null };

/** Whether nobody has acknowledged it. @param {import("./types.js").Alarm} alarm */
export const isUnacknowledged = (alarm) => alarm.state.endsWith("unacknowledged");

/** Whether it is shown at its equipment: those that people or the design hold back are not. @param {import("./types.js").Alarm} alarm */
export const isShown = (alarm) => alarm.state.endsWith("acknowledged");

/**
 * Not acknowledged before acknowledged, then the higher priority.
 * @param {import("./types.js").Alarm} one
 * @param {import("./types.js").Alarm} other
 */
export function byUrgency(one, other) {
  return Number(isUnacknowledged(other)) - Number(isUnacknowledged(one)) || one.priority - other.priority;
}

/** The marks of one symbol. */
export class SymbolMarks {
  #element;
  #group = draw("g", { class: "marks", "aria-hidden": "true" });
  #shown = "";

  /** @param {Element} element the symbol, or a busbar */
  constructor(element) {
    this.#element = element;
  }

  /** @param {Marks} marks */
  show({ alarms, tags, selection }) {
    const first = alarms[0];
    const tag = tags.find((each) => each.kind === "do_not_operate") ?? tags[0];
    this.#element.classList.toggle("selected", selection !== null);
    this.#element.classList.toggle("tagged", tag !== undefined);
    const next = `${first?.priority}/${first && isUnacknowledged(first)}/${tag?.kind}`;
    if (next === this.#shown) return;
    this.#shown = next;
    this.#group.replaceChildren();
    this.#group.classList.toggle("unacknowledged", first !== undefined && isUnacknowledged(first));
    if (first) this.#element.setAttribute("data-alarm", String(first.priority));
    else this.#element.removeAttribute("data-alarm");
    if (!first && !tag) {
      this.#group.remove();
      return;
    }
    if (!this.#group.isConnected) this.#element.append(this.#group);
    const { x, y, height } = this.#edge();
    if (first) this.#group.append(placed(makePriority(first.priority), x - SIZE + 3, y - SIZE / 2 + 1));
    if (tag) this.#group.append(placed(makeTagSign(tag.kind), x - SIZE + 3, y + height - SIZE / 2));
  }

  /** Where its left edge is, in its own coordinates. */
  #edge() {
    const hit = this.#element.querySelector(".hit");
    const [x, y, height] = ["x", "y", "height"].map((name) => Number(hit?.getAttribute(name)));
    return { x, y, height };
  }
}

/**
 * @param {SVGElement} sign
 * @param {number} x
 * @param {number} y
 */
function placed(sign, x, y) {
  for (const [name, value] of Object.entries({ x, y, width: SIZE, height: SIZE })) sign.setAttribute(name, String(value));
  return sign;
}
