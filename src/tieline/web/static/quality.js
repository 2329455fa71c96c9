/**
 * Quality of a sample: the bits of `tieline.model.Quality`, as marks and words.
 * @module
 */

const DETAILS = [
  [1 << 2, "overflow"],
  [1 << 3, "out of range"],
  [1 << 4, "bad reference"],
  [1 << 5, "oscillatory"],
  [1 << 6, "failure"],
  [1 << 7, "old data"],
  [1 << 8, "inconsistent"],
  [1 << 9, "inaccurate"],
  [1 << 10, "substituted"],
  [1 << 11, "test"],
  [1 << 12, "operator blocked"],
  [1 << 14, "clock not synchronized"],
  [1 << 15, "clock failure"],
];
const SUBSTITUTED = 1 << 10;
/** Whether the sample's time is the device's own. */
export const DEVICE_TIME = 1 << 13;

/**
 * 0 good, 1 questionable, 2 invalid.
 * @param {number} quality
 */
export function severityOf(quality) {
  return [0, 2, 2, 1][quality & 3];
}

/**
 * How a value of this quality is marked: a word for the style, and a sign that does not need colour.
 * @param {number} quality
 * @returns {{mark: "good" | "questionable" | "invalid" | "substituted", sign: string}}
 */
export function markOf(quality) {
  const severity = severityOf(quality);
  if (severity === 2) return { mark: "invalid", sign: "×" };
  if (severity === 1) return { mark: "questionable", sign: "?" };
  if (quality & SUBSTITUTED) return { mark: "substituted", sign: "s" };
  return { mark: "good", sign: "" };
}

/**
 * The quality as a person reads it.
 * @param {number} quality
 */
export function wordsOf(quality) {
  const details = DETAILS.filter(([bit]) => quality & /** @type {number} */ (bit)).map(([, word]) => word);
  return [["good", "questionable", "invalid"][severityOf(quality)], ...details].join(", ");
}
