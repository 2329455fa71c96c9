/**
 * A trend's data: for each point, minimum, maximum and last value of every bucket on one grid of time. History fills it, live
 * samples continue it in the same buckets, so that there is no seam; a sample that comes both ways changes nothing. Live samples may
 * leave some out (a slow page gets the newest only), history does not: the last value of a bucket that is older than the newest one in
 * history is history's.
 * @module
 */

const UNKNOWN = 255;
const MOST_AHEAD = 5_000; // buckets; what is farther belongs to another range, and history is on its way

export class Buckets {
  /** @type {Map<number, Lane>} */ #lanes = new Map();

  /**
   * @param {number} start microseconds, a multiple of `width`
   * @param {number} end
   * @param {number} width of a bucket, microseconds
   */
  constructor(start, end, width) {
    this.start = start;
    this.width = width;
    this.count = Math.max(1, Math.round((end - start) / width));
  }

  get end() {
    return this.start + this.count * this.width;
  }

  /**
   * A point's lane; made where there is none.
   * @param {number} point
   */
  lane(point) {
    let lane = this.#lanes.get(point);
    if (!lane) this.#lanes.set(point, (lane = new Lane(this.count)));
    return lane;
  }

  /**
   * Puts a point's history in.
   * @param {import("./types.js").Series} series
   */
  fill(series) {
    const lane = this.lane(series.id);
    series.time.forEach((time, row) => {
      const bucket = Math.floor((time - this.start) / this.width);
      if (bucket < 0 || bucket >= this.count) return;
      lane.take(bucket, series.min[row] ?? NaN, series.max[row] ?? NaN, series.last[row] ?? NaN, series.severity[row], time);
      if (row + 1 < series.time.length) lane.last[bucket] = series.last[row] ?? NaN;
      lane.confirmed = Math.max(lane.confirmed, bucket);
    });
  }

  /**
   * Continues with a live sample; one before the grid is left out, one after it makes the grid longer.
   * @param {number} point
   * @param {number} time microseconds
   * @param {number} value
   * @param {number} severity
   */
  append(point, time, value, severity) {
    const bucket = Math.floor((time - this.start) / this.width);
    if (bucket < 0 || !this.reach(time)) return;
    const lane = this.lane(point);
    const isExtremeOnly = bucket < lane.confirmed && lane.has(bucket);
    lane.take(bucket, value, value, value, severity, isExtremeOnly ? -Infinity : time);
  }

  /**
   * Makes the grid long enough for that time; false where it is too far ahead.
   * @param {number} time
   */
  reach(time) {
    const count = Math.floor((time - this.start) / this.width) + 1;
    if (count > this.count + MOST_AHEAD) return false;
    if (count <= this.count) return true;
    this.count = count;
    for (const lane of this.#lanes.values()) lane.grow(count);
    return true;
  }

  /**
   * Drops what lies before a time, so that a trend left open for a week stays small.
   * @param {number} time
   */
  dropBefore(time) {
    const drop = Math.min(Math.floor((time - this.start) / this.width), this.count - 1);
    if (drop < this.count / 4) return;
    this.start += drop * this.width;
    this.count -= drop;
    for (const lane of this.#lanes.values()) lane.drop(drop);
  }
}

export class Lane {
  /** @param {number} count */
  constructor(count) {
    this.min = new Float64Array(count).fill(NaN);
    this.max = new Float64Array(count).fill(NaN);
    this.last = new Float64Array(count).fill(NaN);
    this.severity = new Uint8Array(count).fill(UNKNOWN);
    this.newest = new Float64Array(count).fill(-Infinity);
    /** The newest bucket that history has. */
    this.confirmed = -1;
  }

  /**
   * Whether anything was heard in the bucket.
   * @param {number} bucket
   */
  has(bucket) {
    return this.severity[bucket] !== UNKNOWN;
  }

  /**
   * @param {number} bucket
   * @param {number} min
   * @param {number} max
   * @param {number} last
   * @param {number} severity
   * @param {number} time
   */
  take(bucket, min, max, last, severity, time) {
    if (!(this.min[bucket] <= min)) this.min[bucket] = Number.isNaN(min) ? this.min[bucket] : min;
    if (!(this.max[bucket] >= max)) this.max[bucket] = Number.isNaN(max) ? this.max[bucket] : max;
    if (time >= this.newest[bucket]) {
      this.newest[bucket] = time;
      this.last[bucket] = last;
    }
    this.severity[bucket] = this.has(bucket) ? Math.max(this.severity[bucket], severity) : severity;
  }

  /** @param {number} count */
  grow(count) {
    if (count <= this.min.length) return;
    const capacity = Math.max(count, Math.ceil(this.min.length * 1.5));
    this.min = longer(this.min, capacity);
    this.max = longer(this.max, capacity);
    this.last = longer(this.last, capacity);
    this.newest = longer(this.newest, capacity, -Infinity);
    const severity = new Uint8Array(capacity).fill(UNKNOWN);
    severity.set(this.severity);
    this.severity = severity;
  }

  /** @param {number} count */
  drop(count) {
    this.min = this.min.slice(count);
    this.max = this.max.slice(count);
    this.last = this.last.slice(count);
    this.newest = this.newest.slice(count);
    this.severity = this.severity.slice(count);
    this.confirmed -= count;
  }
}

/**
 * @param {Float64Array} column
 * @param {number} capacity
 * @param {number} [filler]
 */
function longer(column, capacity, filler = NaN) {
  const grown = new Float64Array(capacity).fill(filler);
  grown.set(column);
  return grown;
}
