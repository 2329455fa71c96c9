/**
 * Keeps a chart supplied: loads history for the range on screen, continues it with live frames, moves the window on.
 * @module
 */

import { get } from "./api.js";
import { Buckets } from "./buckets.js";
import { severityOf } from "./quality.js";

const REFILL_MS = 30_000;

export class TrendData {
  /** @type {import("./types.js").Point[]} */ #points = [];
  /** @type {Buckets} */ buckets = new Buckets(0, 1, 1);
  /** @type {AbortController | null} */ #loading = null;
  /** @type {{point: number, time: number, value: number, severity: number}[]} */ #since = [];
  #start = 0;
  #end = 1;
  /** @type {number | null} the window's length where it follows the time */ #span = null;
  #isOld = false;
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
    setInterval(() => this.#move(), 250);
    setInterval(() => {
      if (this.#span !== null && !document.hidden) void this.load();
    }, REFILL_MS);
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
    this.#chart.setPoints(points);
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
    this.#since = [];
    try {
      /** @type {import("./types.js").HistoryAnswer} */
      const answer = await get(
        "history",
        {
          points: this.#points.map((point) => point.id).join(","),
          from: new Date(this.#start / 1e3).toISOString(),
          to: new Date(this.#end / 1e3).toISOString(),
          buckets: 1_000,
        },
        loading.signal,
      );
      const buckets = new Buckets(answer.start_us, answer.end_us, answer.bucket_us);
      for (const series of answer.series) buckets.fill(series);
      for (const { point, time, value, severity } of this.#since) buckets.append(point, time, value, severity);
      this.buckets = buckets;
      this.handlers.onError?.("");
      this.#show();
    } catch (error) {
      if (loading.signal.aborted) return;
      this.handlers.onError?.(error instanceof Error ? error.message : String(error));
    }
    if (this.#loading === loading) this.handlers.onLoading?.(false);
  }

  /** @param {import("./frames.js").Frame} frame */
  #append(frame) {
    if (this.#span === null) return;
    for (let row = 0; row < frame.count; row += 1) {
      if (!frame.time[row]) continue;
      const sample = {
        point: frame.point[row],
        time: frame.time[row],
        value: frame.value[row],
        severity: severityOf(frame.quality[row]),
      };
      if (!this.#points.some((point) => point.id === sample.point)) continue;
      this.#since.push(sample);
      this.buckets.append(sample.point, sample.time, sample.value, sample.severity);
    }
    if (this.#since.length > 50_000) this.#since.splice(0, 25_000);
  }

  #move() {
    if (this.#span === null || document.hidden) return;
    this.#end = this.#live.now();
    this.#start = this.#end - this.#span;
    this.buckets.reach(this.#end);
    this.buckets.dropBefore(this.#start - this.buckets.width);
    this.#show();
  }

  #show() {
    const isHeard = this.#span !== null && this.#live.state === "live" && this.#points.some((point) => !this.#live.isStale(point));
    this.#chart.show(this.buckets, this.#start, this.#end, isHeard ? this.#end : -Infinity);
    this.handlers.onChange?.();
  }
}
