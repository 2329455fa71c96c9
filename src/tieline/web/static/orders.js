/**
 * What a value means as an order to a point, in words: `open`, `20.40 kV`.
 * @module
 */

import { formatNumber } from "./format.js";
import { isDiscrete, stateOf } from "./states.js";
import { texts } from "./texts/operate.js";

/** Of a point that has no state to be ordered: it does something once, and takes 1 alone. */
const RESTART = "restart";

/**
 * The values that a two-state point takes.
 * @param {import("./types.js").Point} point
 */
export const statesOf = (point) => (point.quantity === RESTART ? [1] : [0, 1]);

/**
 * @param {import("./types.js").Point} point
 * @param {number} value
 */
export function orderOf(point, value) {
  if (!isDiscrete(point)) return `${formatNumber(value, point.decimals)} ${point.unit}`.trim();
  const { orders } = texts;
  if (point.quantity === RESTART && value === 1) return orders.restart;
  switch (stateOf(point, value)) {
    case "open":
      return orders.open;
    case "closed":
      return orders.close;
    case "on":
      return orders.on;
    default:
      return orders.off;
  }
}

/**
 * The state that an order to a two-state point brings about.
 * @param {import("./types.js").Point} point
 * @param {number} value
 */
export const aimOf = (point, value) => stateOf(point, value);

/** @param {import("./types.js").Point} point */
export const isWritable = (point) => point.kind === "control" || point.kind === "setpoint";
