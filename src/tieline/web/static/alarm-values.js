/**
 * What the points of the alarms in view are worth now, and what they were then.
 * @module
 */

import { ApiError, get, getPoints } from "./api.js";
import { formatNumber } from "./format.js";
import { markOf } from "./quality.js";
import { isDiscrete, stateOf } from "./states.js";

/** @typedef {import("./types.js").Alarm} Alarm */
/** @typedef {import("./types.js").Point} Point */

const WAIT_MS = 150;

/**
 * The path of an alarm's point; empty for an alarm of no point.
 * @param {Alarm} alarm
 */
export const pathOf = (alarm) => (alarm.point ? `${alarm.site}/${alarm.device}/${alarm.point}` : "");

/** Points of alarms, asked for once each as they come into view, and their newest values. */
export class AlarmValues {
  /** @type {Map<string, Point | null>} by path; null where there is none */ #points = new Map();
  #live;
  #onKnown;
  #wanted = "";
  /** @type {Alarm[]} */ #shown = [];
  /** @type {number | undefined} */ #timer;

  /**
   * @param {import("./live.js").Live} live
   * @param {() => void} onKnown more points are known
   */
  constructor(live, onKnown) {
    this.#live = live;
    this.#onKnown = onKnown;
  }

  /**
   * The alarms in view; soon afterwards their values come.
   * @param {Alarm[]} alarms
   */
  show(alarms) {
    const wanted = alarms.map(pathOf).join();
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#shown = alarms;
    this.#timer ??= window.setTimeout(() => void this.#ask(), WAIT_MS);
  }

  /**
   * The alarm's point, where it is known already.
   * @param {Alarm} alarm
   */
  pointOf(alarm) {
    return this.#points.get(pathOf(alarm)) ?? undefined;
  }

  /**
   * What was read when the alarm came.
   * @param {Alarm} alarm
   */
  then(alarm) {
    return alarm.value === null ? "" : this.words(alarm, alarm.value, alarm.quality);
  }

  /**
   * What is read now, and whether that is old.
   * @param {Alarm} alarm
   */
  now(alarm) {
    const point = this.pointOf(alarm);
    const sample = point && this.#live.samples.get(point.id);
    if (!point || !sample?.time) return { words: "", isStale: false, mark: "good" };
    return { words: this.words(alarm, sample.value, sample.quality), isStale: this.#live.isStale(point), mark: markOf(sample.quality).mark };
  }

  /**
   * @param {Alarm} alarm
   * @param {number} value
   * @param {number} quality
   */
  words(alarm, value, quality) {
    const point = this.pointOf(alarm);
    const { sign } = markOf(quality);
    const text = point && isDiscrete(point) ? stateOf(point, value) : `${formatNumber(value, point?.decimals ?? 2)} ${alarm.unit}`.trim();
    return sign ? `${text} ${sign}` : text;
  }

  async #ask() {
    this.#timer = undefined;
    const paths = [...new Set(this.#shown.map(pathOf).filter(Boolean))];
    const missing = paths.filter((path) => !this.#points.has(path));
    if (missing.length) {
      try {
        const found = await pointsOf(missing);
        for (const path of missing) this.#points.set(path, null);
        for (const point of found) this.#points.set(point.path, point);
        this.#onKnown();
      } catch {
        this.#wanted = ""; // the banner says that the server is away; asked again with the next change
        return;
      }
    }
    this.#live.subscribe(paths.flatMap((path) => this.#points.get(path)?.id ?? []));
  }
}

/**
 * @param {string[]} paths
 * @returns {Promise<Point[]>}
 */
async function pointsOf(paths) {
  try {
    return (await get("points", { points: paths.join(","), limit: paths.length })).points;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return getPoints(paths); // one of them is no more
    throw error;
  }
}
