/**
 * The state of the trend workbench, which is all in its address: points, range, axes, cursors, what is compared.
 * @module
 */

export const MAX_PENS = 16;
const UNITS_US = { s: 1e6, m: 60e6, h: 3_600e6, d: 86_400e6, w: 604_800e6 };
export const SHIFTS = ["", "1d", "7d"];

/**
 * @typedef {object} TrendState
 * @property {string[]} points paths or ids, in the order of the pens
 * @property {string} from ISO 8601, or relative to now like `-1h`
 * @property {string} to the same; `now` follows the time
 * @property {string[]} hidden points whose pen is hidden
 * @property {Record<string, [number, number]>} axes least and largest value of the axes that have a range of their own, by unit
 * @property {string} compare how much earlier the same pens are drawn once more: `1d`, `7d` or empty
 * @property {boolean} events whether events are marked
 * @property {(number | null)[]} cursors two times in microseconds
 * @property {string} name of the view
 */

/**
 * @param {string} search of an address, with or without its question mark
 * @returns {TrendState}
 */
export function readState(search) {
  const asked = new URLSearchParams(search);
  const list = (/** @type {string} */ name) => (asked.get(name) ?? "").split(",").filter(Boolean);
  /** @type {Record<string, [number, number]>} */
  const axes = {};
  for (const one of list("axes")) {
    const [unit, low, high] = one.split("~");
    const range = [Number(low), Number(high)];
    if (range.every(Number.isFinite) && range[0] < range[1]) axes[unit] = [range[0], range[1]];
  }
  const cursors = (asked.get("cursors") ?? "").split(",").map((text) => (/^\d{1,17}$/.test(text) ? Number(text) : null));
  const compare = asked.get("compare") ?? "";
  return {
    points: [...new Set(list("points"))].slice(0, MAX_PENS),
    from: asked.get("from") ?? "-1h",
    to: asked.get("to") ?? "now",
    hidden: list("hidden"),
    axes,
    compare: SHIFTS.includes(compare) ? compare : "",
    events: asked.get("events") === "1",
    cursors: [cursors[0] ?? null, cursors[1] ?? null],
    name: asked.get("name") ?? "",
  };
}

/**
 * The query of the address that says that state; what is as usual is left out.
 * @param {TrendState} state
 */
export function writeState(state) {
  const axes = Object.entries(state.axes).map(([unit, [low, high]]) => `${unit}~${low}~${high}`);
  /** @type {[string, string][]} */
  const parts = [
    ["points", state.points.join(",")],
    ["from", state.from],
    ["to", state.to === "now" ? "" : state.to],
    ["hidden", state.hidden.join(",")],
    ["axes", axes.join(",")],
    ["compare", state.compare],
    ["events", state.events ? "1" : ""],
    ["cursors", state.cursors.some((time) => time !== null) ? state.cursors.map((time) => time ?? "").join(",") : ""],
    ["name", state.name],
  ];
  return parts
    .filter(([name, value]) => value || name === "points" || name === "from")
    .map(([name, value]) => `${name}=${encodeURIComponent(value).replace(/%2C/g, ",").replace(/%2F/g, "/").replace(/%3A/g, ":")}`)
    .join("&");
}

/**
 * The length of `-1h` or `1h`, microseconds; null for what is not relative.
 * @param {string} text
 */
export function spanOf(text) {
  const found = /^(?:now)?-?(\d{1,9}(?:\.\d{1,6})?)([smhdw])$/.exec(text);
  const span = found ? Number(found[1]) * UNITS_US[/** @type {keyof typeof UNITS_US} */ (found[2])] : 0;
  return span || null;
}

/**
 * A time of a range in microseconds; null for what is none. Without a zone it is UTC, as everywhere in the API.
 * @param {string} text
 * @param {number} now
 */
export function timeOf(text, now) {
  if (text === "now") return now;
  const span = spanOf(text);
  if (span !== null) return now - span;
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(text);
  const parsed = Date.parse(hasZone || !text.includes("T") ? text : `${text}Z`);
  return Number.isNaN(parsed) ? null : parsed * 1_000;
}

/** @param {number} us */
export function isoOf(us) {
  return new Date(us / 1e3).toISOString();
}
