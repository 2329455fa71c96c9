/**
 * Keeps a chart supplied: loads history for the range on screen, continues it with live frames, moves the window on.
 *
 * What live frames brought is kept for as long as history may not have it yet, and put into whatever history answers: so there is
 * no gap where both meet, and a sample that comes both ways is the same sample. Live frames may leave samples out; the newest part
 * is asked for again every few seconds, everything now and then, for what came late.
 * @module
 */

import { get } from "./api.js";
import { Buckets } from "./buckets.js";
import { severityOf } from "./quality.js";

const REFILL_MS = 60_000;
const NEWEST_MS = 3_000;
const NEWEST_US = 30e6; // asked for again with the newest part
const KEPT_US = 180e6; // how long live samples are kept; history has them long before
const MOST_KEPT = 200_000;
const STEP_MS = 250;

export class TrendData {
  /** @type {import("./types.js").Point[]} */ #points = [];
  /** @type {Set<number>} */ #ids = new Set();
  buckets = new Buckets(0, 1, 1);
  /** @type {Buckets | null} the same pens so much earlier, on their own time */ earlier = null;
  /** @type {AbortController | null} */ #loading = null;
  /** @type {{point: number, time: number, value: number, severity: number}[]} */ #since = [];
  #start = 0;
  #end = 1;
  /** @type {number | null} the window's length where it follows the time */ #span = null;
  #shift = 0;
  #isOld = false;
  #isWhole = false;
  #live;
  #chart;

  /**
   * @param {import("./live.js").Live} live
   * @param {import("./trend-chart.js").TrendChart} chart
   * @param {{onLoading?: (isLoading: boolean) => void, onError?: (words: string) => void, onChange?: () => void}} [handlers]
   */
  constructor(live, chart, handlers = {}) {
    this.#live = live;
    this.#chart = chart;
    this.handlers = handlers;
    live.listenFrames((frame) => this.#append(frame));
    live.listen((changes) => {
      if (!changes.links) return;
      // what was missed while the link or the server was away comes from the historian
      if (live.state === "live" && this.#isOld) void this.load();
      this.#isOld = live.state !== "live";
    });
    setInterval(() => this.#move(), STEP_MS);
    setInterval(() => {
      if (this.#span !== null && !document.hidden) void this.load();
    }, REFILL_MS);
    setInterval(() => {
      if (this.#span !== null && !document.hidden) void this.#loadNewest();
    }, NEWEST_MS);
  }

  get isLive() {
    return this.#span !== null;
  }

  get start() {
    return this.#start;
  }

  get end() {
    return this.#end;
  }

  /** @param {import("./types.js").Point[]} points */
  setPoints(points) {
    this.#points = points;
    this.#ids = new Set(points.map((point) => point.id));
    this.#since = this.#since.filter((sample) => this.#ids.has(sample.point));
    this.#chart.setPoints(points);
  }

  /** @param {number} shift how much earlier the same pens are compared, microseconds; 0 for not at all */
  compare(shift) {
    this.#shift = shift;
    if (!shift) this.earlier = null;
  }

  /**
   * The newest so many microseconds, moving on.
   * @param {number} span
   */
  follow(span) {
    this.#span = span;
    this.#end = this.#live.now();
    this.#start = this.#end - span;
    return this.load();
  }

  /**
   * A range that stands still.
   * @param {number} start microseconds
   * @param {number} end
   */
  fix(start, end) {
    this.#span = null;
    this.#start = start;
    this.#end = end;
    return this.load();
  }

  /** Asks the historian for the range on screen. */
  async load() {
    this.#loading?.abort();
    const loading = new AbortController();
    this.#loading = loading;
    if (!this.#points.length) {
      this.buckets = new Buckets(this.#start, this.#end, Math.max(1, this.#end - this.#start));
      this.#show();
      return;
    }
    this.handlers.onLoading?.(true);
    try {
      const [now, earlier] = await Promise.all([
        this.#ask(this.#start, this.#end, loading.signal),
        this.#shift ? this.#ask(this.#start - this.#shift, this.#end - this.#shift, loading.signal) : null,
      ]);
      this.buckets = new Buckets(now.start_us, now.end_us, now.bucket_us);
      for (const series of now.series) this.buckets.fill(series);
      this.#putLive(this.buckets);
      this.earlier = earlier && new Buckets(earlier.start_us, earlier.end_us, earlier.bucket_us);
      for (const series of earlier?.series ?? []) this.earlier?.fill(series);
      this.#isWhole = true;
      this.handlers.onError?.("");
      this.#show();
    } catch (error) {
      if (loading.signal.aborted) return;
      this.handlers.onError?.(error instanceof Error ? error.message : String(error));
    }
    if (this.#loading === loading) this.handlers.onLoading?.(false);
  }

  /**
   * History in buckets no wider than a column of the screen; from so much before the range that what held at its start is known.
   * @param {number} start
   * @param {number} end
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("./types.js").HistoryAnswer>}
   */
  #ask(start, end, signal) {
    const columns = this.#chart.columns;
    const before = Math.min(Math.max(...this.#points.map(holdOf)), (end - start) / 4);
    const all = Math.ceil((columns * (end - start + before)) / (end - start));
    return get(
      "history",
      {
        points: this.#points.map((point) => point.id).join(","),
        from: new Date((start - before) / 1e3).toISOString(),
        to: new Date(end / 1e3).toISOString(),
        columns: Math.min(all, Math.floor(60_000 / this.#points.length)),
      },
      signal,
    );
  }

  /** What history has of the newest part goes into the buckets that are there. */
  async #loadNewest() {
    const { buckets } = this;
    if (!this.#points.length || !this.#isWhole || buckets.width > NEWEST_US) return;
    const start = Math.max(buckets.start, Math.floor((this.#end - NEWEST_US) / buckets.width) * buckets.width);
    const count = Math.ceil((this.#end - start) / buckets.width);
    try {
      /** @type {import("./types.js").HistoryAnswer} */
      const answer = await get("history", {
        points: this.#points.map((point) => point.id).join(","),
        from: new Date(start / 1e3).toISOString(),
        to: new Date((start + count * buckets.width) / 1e3).toISOString(),
        buckets: count,
      });
      if (this.buckets !== buckets || answer.bucket_us !== buckets.width) return;
      for (const series of answer.series) buckets.fill(series);
    } catch {
      // the whole range is asked for again before long, and tells what is wrong
    }
  }

  /** @param {import("./frames.js").Frame} frame */
  #append(frame) {
    for (let row = 0; row < frame.count; row += 1) {
      if (!frame.time[row] || !this.#ids.has(frame.point[row])) continue;
      const sample = {
        point: frame.point[row],
        time: frame.time[row],
        value: frame.value[row],
        severity: severityOf(frame.quality[row]),
      };
      this.#since.push(sample);
      if (this.#span !== null) this.buckets.append(sample.point, sample.time, sample.value, sample.severity);
    }
    if (this.#since.length > MOST_KEPT) this.#since.splice(0, MOST_KEPT / 2);
  }

  /** @param {Buckets} buckets */
  #putLive(buckets) {
    const oldest = this.#live.now() - KEPT_US;
    this.#since = this.#since.filter((sample) => sample.time >= oldest);
    for (const { point, time, value, severity } of this.#since) {
      if (this.#span !== null || time < this.#end) buckets.append(point, time, value, severity);
    }
  }

  #move() {
    if (this.#span === null || document.hidden) return;
    this.#end = this.#live.now();
    this.#start = this.#end - this.#span;
    this.buckets.reach(this.#end);
    this.buckets.dropBefore(this.#start - Math.max(this.buckets.width, this.#span / 4));
    this.#show();
  }

  #show() {
    const isHeard = this.#span !== null && this.#live.state === "live" && this.#points.some((point) => !this.#live.isStale(point));
    this.#chart.show(this.buckets, this.#start, this.#end, isHeard ? this.#end : -Infinity);
    this.#chart.compare(this.earlier, this.#shift);
    this.handlers.onChange?.();
  }
}

/**
 * How long a value of the point is good for, while nothing newer comes; microseconds.
 * @param {import("./types.js").Point} point
 */
export function holdOf(point) {
  return (1.5 * point.max_silence_s + 5) * 1e6;
}
