/**
 * The state of an alarm by shape: filled while its condition holds, hollow when that is gone; held back ones have signs of their own.
 * @module
 */

import { draw, make, setText } from "./dom.js";
import { texts } from "./texts/alarms.js";

const DISC = "M8 3A5 5 0 1 1 7.99 3Z";
const RING = "M8 1A7 7 0 1 1 7.99 1Z";
const BAR = "M2 15H14";
/** @type {Record<string, {filled?: string, lines?: string}>} */
const SHAPES = {
  unacknowledged: { filled: DISC, lines: RING },
  returned_unacknowledged: { lines: `${DISC}${RING}` },
  latched_unacknowledged: { lines: `${DISC}${RING}${BAR}` },
  acknowledged: { filled: DISC },
  latched_acknowledged: { lines: `${DISC}${BAR}` },
  shelved: { lines: `${RING}M8 4V8.5L11 10` },
  suppressed_by_design: { lines: `${RING}M3.5 12.5L12.5 3.5` },
  out_of_service: { lines: `${RING}M4 4L12 12M12 4L4 12` },
  normal: { lines: DISC },
};

export class StateMark {
  #filled = draw("path", { class: "filled" });
  #lines = draw("path", { class: "lines" });
  #words = make("span");
  #shown = "";
  element = make("span", { class: "alarm-state" }, draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, this.#filled, this.#lines), this.#words);

  /** @param {import("./types.js").Alarm["state"]} state */
  show(state) {
    if (state === this.#shown) return;
    this.#shown = state;
    const { filled = "", lines = "" } = SHAPES[state];
    this.#filled.setAttribute("d", filled);
    this.#lines.setAttribute("d", lines);
    setText(this.#words, texts.states[state]);
  }
}
