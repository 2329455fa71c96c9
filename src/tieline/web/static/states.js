/**
 * Discrete values in words, and which symbol shows them.
 * @module
 */

/** @typedef {"closed" | "open" | "intermediate" | "bad" | "on" | "off"} State */

/**
 * @param {import("./types.js").Point} point
 */
export function isDiscrete(point) {
  return point.kind === "binary" || point.kind === "double" || point.kind === "control";
}

/**
 * The state that a value of the point means; `bad` for what is no state at all.
 * @param {import("./types.js").Point} point
 * @param {number} value
 * @returns {State}
 */
export function stateOf(point, value) {
  if (point.kind === "double") {
    return /** @type {State[]} */ (["intermediate", "open", "closed", "bad"])[value] ?? "bad";
  }
  if (value !== 0 && value !== 1) return "bad";
  if (point.quantity === "switch_position") return value ? "closed" : "open";
  return value ? "on" : "off";
}
