/**
 * Events and alarms of a range, to be marked on a trend.
 * @module
 */

import { get } from "./api.js";
import { parseMoment } from "./format.js";

const MOST = 500;
const RAISED = new Set(["unacknowledged", "latched_unacknowledged"]);

/** @typedef {{time: number, weight: number, words: string}} Mark */

/**
 * @param {number} start microseconds
 * @param {number} end
 * @param {import("./types.js").Point[]} points those of their sites only
 * @param {boolean} hasAlarms whether there is a journal of alarms here
 * @returns {Promise<{marks: Mark[], isComplete: boolean}>}
 */
export async function findEvents(start, end, points, hasAlarms) {
  const sites = [...new Set(points.map((point) => point.site))];
  if (!sites.length) return { marks: [], isComplete: true };
  const range = { from: new Date(start / 1e3).toISOString(), to: new Date(end / 1e3).toISOString(), limit: MOST };
  const [events, journal] = await Promise.all([
    get("history/events", { ...range, sites: sites.join(",") }),
    hasAlarms ? get("alarms/journal", range).catch(() => null) : null, // a center that is starting has none yet
  ]);
  /** @type {Mark[]} */
  const marks = events.events.map((/** @type {{time_us: number, severity: string, site: string, device: string, text: string}} */ event) => ({
    time: event.time_us,
    weight: event.severity === "info" ? 0 : 1,
    words: [event.site, event.device, event.text].filter(Boolean).join(" "),
  }));
  const lines = /** @type {{alarm: string, after: string, before: string, time: string | null}[]} */ (journal?.lines ?? []);
  for (const { alarm, after, before, time } of lines) {
    if (time === null || !RAISED.has(after) || RAISED.has(before) || !sites.includes(alarm.split("/")[0])) continue;
    marks.push({ time: parseMoment(time), weight: 1, words: `alarm ${alarm}` });
  }
  return { marks: marks.sort((a, b) => a.time - b.time), isComplete: events.is_complete && lines.length < MOST };
}
