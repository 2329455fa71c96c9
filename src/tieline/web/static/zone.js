/**
 * Which zone times are shown in: UTC, or the utility's own time. Shown times carry it: `Z`, or the offset.
 * A change is told on the document as `zonechange`.
 * @module
 */

const KEY = "zone";
const QUARTER_US = 900e6;

let site = "UTC";
let isSite = false;
/** @type {Intl.DateTimeFormat | null} */ let parts = null;
/** @type {Map<number, number>} microseconds by quarter of an hour: no zone changes its offset within one */
let offsets = new Map();

/**
 * Sets the utility's zone; whether it is shown is remembered from an earlier page.
 * @param {string} zone an IANA name
 */
export function startZone(zone) {
  site = zone;
  show(localStorage.getItem(KEY) === "site");
}

/** Changes between UTC and the utility's time. */
export function switchZone() {
  show(!isSite);
  localStorage.setItem(KEY, isSite ? "site" : "utc");
  document.dispatchEvent(new Event("zonechange"));
}

/**
 * @param {boolean} isWanted
 * @param {string} [zone]
 */
export function show(isWanted, zone = site) {
  site = zone;
  isSite = isWanted && site !== "UTC";
  offsets = new Map();
  parts = isSite
    ? new Intl.DateTimeFormat("en-US", { timeZone: site, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" })
    : null;
}

/** The zone that is shown, and the one that could be; IANA names. */
export function zones() {
  return { shown: isSite ? site : "UTC", other: isSite ? "UTC" : site };
}

/**
 * What the shown zone is ahead of UTC at that time.
 * @param {number} us
 * @returns {number} microseconds
 */
export function offsetAt(us) {
  if (!parts || !Number.isFinite(us)) return 0;
  const quarter = Math.floor(us / QUARTER_US);
  const held = offsets.get(quarter);
  if (held !== undefined) return held;
  const start = quarter * QUARTER_US;
  /** @type {Record<string, number>} */
  const found = {};
  for (const { type, value } of parts.formatToParts(new Date(start / 1e3))) found[type] = Number(value);
  const offset = Date.UTC(found.year, found.month - 1, found.day, found.hour, found.minute, found.second) * 1e3 - start;
  if (offsets.size > 10_000) offsets.clear();
  offsets.set(quarter, offset);
  return offset;
}

/**
 * `Z`, `+01:00`
 * @param {number} us
 */
export function zoneSuffix(us) {
  if (!isSite) return "Z";
  const minutes = Math.round(offsetAt(us) / 60e6);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return `${minutes < 0 ? "−" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}
