/**
 * One value on the screen: number or state, unit, quality mark, age.
 * @module
 */

import { make, setText } from "./dom.js";
import { formatAge, formatNumber } from "./format.js";
import { markOf, wordsOf } from "./quality.js";
import { isDiscrete, stateOf } from "./states.js";
import { makeSwitchSymbol } from "./switch-symbol.js";

export class ValueCell {
  #text = make("span", { class: "number" });
  #sign = make("span", { class: "sign" });
  #symbol;
  /** The number or state with its mark. */
  element;
  unit;
  age = make("span", { class: "age" });
  #painted = "";

  /** @param {import("./types.js").Point} point */
  constructor(point) {
    this.point = point;
    this.#symbol = isDiscrete(point) ? makeSwitchSymbol() : null;
    this.element = make("span", { class: "value" }, ...(this.#symbol ? [this.#symbol] : []), this.#text, this.#sign);
    this.unit = make("span", { class: "unit" }, point.unit);
    this.paint(undefined, true, 0);
  }

  /**
   * @param {import("./types.js").Sample | undefined} sample
   * @param {boolean} isStale
   * @param {number} now microseconds
   */
  paint(sample, isStale, now) {
    if (!sample || !sample.time) {
      this.#show("—", "none", "", true, "");
      return;
    }
    const { mark, sign } = markOf(sample.quality);
    const words = isDiscrete(this.point) ? stateOf(this.point, sample.value) : formatNumber(sample.value, this.point.decimals);
    this.#show(words, mark, sign, isStale, formatAge(now - sample.time), sample.quality);
  }

  /**
   * @param {string} text
   * @param {string} mark
   * @param {string} sign
   * @param {boolean} isStale
   * @param {string} age
   * @param {number} [quality]
   */
  #show(text, mark, sign, isStale, age, quality = 0) {
    setText(this.age, age);
    const painted = `${text}|${mark}|${isStale}|${quality}`;
    if (painted === this.#painted) return;
    this.#painted = painted;
    setText(this.#text, text);
    setText(this.#sign, sign);
    this.element.dataset.quality = mark;
    this.element.dataset.stale = this.age.dataset.stale = String(isStale);
    if (this.#symbol) this.#symbol.dataset.state = mark === "none" ? "bad" : text;
    this.element.title = mark === "none" ? "never heard" : `${wordsOf(quality)}${isStale ? ", stale" : ""}`;
  }
}
