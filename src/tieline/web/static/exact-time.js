/**
 * Times as exact as they were taken: milliseconds, or microseconds where the device has them.
 * @module
 */

import { formatDate, formatRecent, formatTime } from "./format.js";
import { zoneSuffix } from "./zone.js";

/**
 * `.072`, `.072519`
 * @param {number} us
 */
function fractionOf(us) {
  const rest = ((us % 1e6) + 1e6) % 1e6;
  return `.${String(rest).padStart(6, "0").slice(0, rest % 1_000 ? 6 : 3)}`;
}

/**
 * The time of day with its fraction, and with the date where that is not today's.
 * @param {number} us NaN for never
 * @param {number} now
 */
export const formatExact = (us, now) => (Number.isFinite(us) ? formatRecent(us, now) + fractionOf(us) : "—");

/**
 * Date and time with fraction and zone.
 * @param {number} us NaN for never
 */
export const formatExactMoment = (us) => (Number.isFinite(us) ? `${formatDate(us)} ${formatTime(us)}${fractionOf(us)}${zoneSuffix(us)}` : "—");
