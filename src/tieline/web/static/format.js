/**
 * Numbers, ages and times as people read them: fixed decimals, true minus, 24 h in the zone that is shown.
 * @module
 */

import { offsetAt, zoneSuffix } from "./zone.js";

const GROUPS = /\B(?=(\d{3})+(?!\d))/g;

/**
 * @param {number} value
 * @param {number} decimals
 */
export function formatNumber(value, decimals) {
  if (!Number.isFinite(value)) return "—";
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split(".");
  const grouped = whole.length > 4 ? whole.replace(GROUPS, "\u202f") : whole;
  const text = fraction === undefined ? grouped : `${grouped}.${fraction}`;
  return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

/**
 * An age in its largest unit: `3 s`, `12 min`, `5 h`, `9 d`.
 * @param {number} us
 */
export function formatAge(us) {
  const seconds = Math.max(0, Math.floor(us / 1e6));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6_000) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");

/**
 * `14:32:07`
 * @param {number} us
 */
export function formatTime(us) {
  const moment = new Date((us + offsetAt(us)) / 1e3);
  return `${two(moment.getUTCHours())}:${two(moment.getUTCMinutes())}:${two(moment.getUTCSeconds())}`;
}

/**
 * `2026-11-23`
 * @param {number} us
 */
export function formatDate(us) {
  const moment = new Date((us + offsetAt(us)) / 1e3);
  return `${moment.getUTCFullYear()}-${two(moment.getUTCMonth() + 1)}-${two(moment.getUTCDate())}`;
}

/**
 * `2026-11-23 14:32:07Z`, or with the offset of the utility's zone
 * @param {number} us
 */
export function formatMoment(us) {
  return `${formatDate(us)} ${formatTime(us)}${zoneSuffix(us)}`;
}

/**
 * The time of day with the date where that is not today's: `14:32:07`, `11-22 14:32:07`.
 * @param {number} us
 * @param {number} now
 */
export function formatRecent(us, now) {
  const date = formatDate(us);
  return date === formatDate(now) ? formatTime(us) : `${date.slice(5)} ${formatTime(us)}`;
}

/**
 * A time of the API in microseconds; NaN for none.
 * @param {string | null} iso
 */
export function parseMoment(iso) {
  if (iso === null) return NaN;
  const [, fraction = ""] = /\.(\d+)/.exec(iso) ?? [];
  return Math.floor(Date.parse(iso) / 1e3) * 1e6 + Number(fraction.padEnd(6, "0").slice(0, 6));
}
