/**
 * How the alarms of a site stand: the highest priority as a symbol, and how many there are.
 * @module
 */

/**
 * @typedef {object} Standing
 * @property {number} priority the highest, 0 for none
 * @property {boolean} isUnacknowledged whether one of that priority is not acknowledged
 * @property {number} unacknowledged of all priorities
 * @property {number} acknowledged
 */

/**
 * What is not acknowledged comes before what is, and then the higher priority.
 * @param {import("./types.js").Supervision | null} supervision
 * @param {string} site
 * @returns {Standing}
 */
export function standingOf(supervision, site) {
  const counts = supervision?.sites[site];
  const none = [0, 0, 0, 0];
  const open = counts?.unacknowledged ?? none;
  const seen = counts?.acknowledged ?? none;
  const sum = (/** @type {number[]} */ numbers) => numbers.reduce((total, number) => total + number, 0);
  const first = (/** @type {number[]} */ numbers) => numbers.findIndex((number) => number > 0) + 1;
  const waiting = first(open);
  return { priority: waiting || first(seen), isUnacknowledged: waiting > 0, unacknowledged: sum(open), acknowledged: sum(seen) };
}
