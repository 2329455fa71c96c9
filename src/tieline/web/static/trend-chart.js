/**
 * A chart of several points over time: a line through each bucket's last value, a bar from its minimum to its maximum behind it (so
 * that no extreme is lost, however far one zooms out), breaks where nothing was heard for too long or the value was invalid, and
 * a strip at the bottom where the quality was bad.
 * @module
 */

import { formatNumber, formatTime, formatDate } from "./format.js";
import { isDiscrete, stateOf } from "./states.js";

/** @type {import("./uplot.js").UPlotConstructor} */
const UPlot = /** @type {any} */ (globalThis).uPlot;

const STRIP = 5;
const STATE = "state";

/**
 * @typedef {object} ChartOptions
 * @property {(start: number, end: number) => void} [onZoom] a range was dragged, microseconds
 * @property {(time: number | null) => void} [onCursor] microseconds
 * @property {boolean} [isSmall]
 */

export class TrendChart {
  /** @type {import("./uplot.js").UPlot | null} */ #plot = null;
  /** @type {import("./types.js").Point[]} */ #points = [];
  /** @type {Set<number>} */ #hidden = new Set();
  /** @type {import("./buckets.js").Buckets | null} */ #buckets = null;
  #range = { start: 0, end: 1 };
  #heldUntil = -Infinity;
  #host;
  #options;
  #isAsked = false;

  /**
   * @param {HTMLElement} host
   * @param {ChartOptions} [options]
   */
  constructor(host, options = {}) {
    this.#host = host;
    this.#options = options;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(host);
    document.addEventListener("themechange", () => this.#build());
  }

  /** @param {import("./types.js").Point[]} points */
  setPoints(points) {
    this.#points = points;
    this.#build();
  }

  /**
   * What is drawn, and between which times.
   * @param {import("./buckets.js").Buckets} buckets
   * @param {number} start microseconds
   * @param {number} end
   * @param {number} heldUntil up to here the newest value is drawn on, because its site is heard
   */
  show(buckets, start, end, heldUntil) {
    this.#buckets = buckets;
    this.#range = { start, end };
    this.#heldUntil = heldUntil;
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#paint();
    });
  }

  /**
   * Shows or hides a point's line.
   * @param {number} point
   * @param {boolean} isHidden
   */
  setHidden(point, isHidden) {
    if (isHidden) this.#hidden.add(point);
    else this.#hidden.delete(point);
    this.#paint();
  }

  get range() {
    return this.#range;
  }

  #size() {
    return { width: Math.max(this.#host.clientWidth, 50), height: Math.max(this.#host.clientHeight, 50) };
  }

  #paint() {
    if (!this.#plot || !this.#buckets) return;
    const { start, end } = this.#range;
    this.#plot.setData(this.#data(this.#buckets), false);
    this.#plot.setScale("x", { min: start / 1e6, max: end / 1e6 });
  }

  /**
   * uPlot's columns: null breaks a line, undefined lets it pass.
   * @param {import("./buckets.js").Buckets} buckets
   */
  #data(buckets) {
    const times = new Float64Array(buckets.count);
    for (let bucket = 0; bucket < buckets.count; bucket += 1) times[bucket] = (buckets.start + bucket * buckets.width) / 1e6;
    const held = Math.floor((this.#heldUntil - buckets.start) / buckets.width);
    const lines = this.#points.map((point) => {
      const lane = buckets.lane(point.id);
      const longest = Math.max(1, Math.ceil(((1.5 * point.max_silence_s + 5) * 1e6) / buckets.width));
      /** @type {(number | null | undefined)[]} */
      const line = new Array(buckets.count);
      let previous = -1;
      for (let bucket = 0; bucket < buckets.count; bucket += 1) {
        if (!lane.has(bucket)) continue;
        // the whole stretch: uPlot clips away what lies between two values only where all of it is null
        if (previous >= 0 && bucket - previous > longest + 1) line.fill(null, previous + 1, bucket);
        const value = lane.last[bucket];
        line[bucket] = lane.severity[bucket] === 2 || Number.isNaN(value) ? null : value;
        previous = bucket;
      }
      if (previous >= 0 && held > previous && held < buckets.count && held - previous <= longest && line[previous] !== null) {
        line[held] = line[previous];
      }
      return line;
    });
    return [times, ...lines];
  }

  #build() {
    this.#plot?.destroy();
    this.#plot = null;
    const style = getComputedStyle(this.#host);
    /** @param {string} name */
    const token = (name) => style.getPropertyValue(name).trim();
    const units = [...new Set(this.#points.map(unitOf))];
    const font = `${this.#options.isSmall ? 11 : 12}px ${token("--mono")}`;
    const axis = { stroke: token("--text-quiet"), font, grid: { stroke: token("--grid"), width: 1 }, ticks: { show: false } };
    /** @type {Record<string, object>} */
    const scales = { x: { time: true, auto: false } };
    for (const unit of units) scales[`y ${unit}`] = { auto: true, range: () => this.#extent(unit) };
    const plot = new UPlot(
      {
        ...this.#size(),
        padding: [14, 14, 0, 0],
        legend: { show: false },
        scales,
        axes: [
          { ...axis, space: 90, size: 30, values: (/** @type {unknown} */ _, /** @type {number[]} */ at) => at.map(timeLabel) },
          ...units.slice(0, 4).map((unit, index) => ({
            ...axis,
            scale: `y ${unit}`,
            side: index % 2 ? 1 : 3,
            size: 62,
            gap: 8,
            space: 40,
            grid: { ...axis.grid, show: index === 0 },
            label: units.length > 1 ? unit : undefined,
            labelSize: 16,
            labelGap: 0,
            labelFont: font,
            ...(unit === STATE ? { incrs: [1], size: 90 } : {}),
            values: (/** @type {unknown} */ _, /** @type {number[]} */ at) =>
              at.map((value) => (unit === STATE ? this.#stateName(value) : formatNumber(value, decimalsOf(at)))),
          })),
        ],
        series: [
          {},
          ...this.#points.map((point, index) => ({
            scale: `y ${unitOf(point)}`,
            stroke: () => (this.#hidden.has(point.id) ? "transparent" : token(`--trace-${(index % 10) + 1}`)),
            width: this.#options.isSmall ? 1.25 : 1.5,
            points: { show: false },
            paths: isDiscrete(point) ? UPlot.paths.stepped({ align: 1 }) : undefined,
          })),
        ],
        cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 }, focus: { prox: -1 } },
        hooks: {
          drawAxes: [(/** @type {import("./uplot.js").UPlot} */ u) => this.#drawBands(u, token)],
          draw: [(/** @type {import("./uplot.js").UPlot} */ u) => this.#drawQuality(u, token)],
          setSelect: [(/** @type {import("./uplot.js").UPlot} */ u) => this.#select(u)],
          setCursor: [
            (/** @type {import("./uplot.js").UPlot} */ u) => {
              const isInside = u.cursor.idx !== null && u.cursor.left >= 0;
              this.#options.onCursor?.(isInside ? Math.round(u.posToVal(u.cursor.left, "x") * 1e6) : null);
            },
          ],
        },
      },
      [[0, 1], ...this.#points.map(() => [null, null])],
      this.#host,
    );
    this.#plot = plot;
    this.#paint();
  }

  /**
   * Least and largest value on the screen of all points with this unit, with a little room.
   * @param {string} unit
   * @returns {[number, number]}
   */
  #extent(unit) {
    if (unit === STATE) return this.#points.some((point) => point.kind === "double") ? [-0.4, 3.4] : [-0.4, 1.4];
    const buckets = this.#buckets;
    let low = Infinity;
    let high = -Infinity;
    if (buckets) {
      const first = Math.max(0, Math.floor((this.#range.start - buckets.start) / buckets.width));
      const last = Math.min(buckets.count, Math.ceil((this.#range.end - buckets.start) / buckets.width));
      for (const point of this.#points) {
        if (unitOf(point) !== unit || this.#hidden.has(point.id)) continue;
        const lane = buckets.lane(point.id);
        for (let bucket = first; bucket < last; bucket += 1) {
          if (lane.min[bucket] < low) low = lane.min[bucket];
          if (lane.max[bucket] > high) high = lane.max[bucket];
        }
      }
    }
    if (low > high) return [0, 1];
    const room = (high - low) * 0.06 || Math.abs(high) * 0.02 || 0.5;
    return [low - room, high + room];
  }

  /**
   * A tick of the states' axis in words, where all that it measures share them.
   * @param {number} value
   */
  #stateName(value) {
    if (!Number.isInteger(value)) return "";
    const names = new Set(this.#points.filter(isDiscrete).map((point) => stateOf(point, value)));
    return names.size === 1 ? [...names][0] : String(value);
  }

  /**
   * The bars from minimum to maximum.
   * @param {import("./uplot.js").UPlot} u
   * @param {(name: string) => string} token
   */
  #drawBands(u, token) {
    const buckets = this.#buckets;
    if (!buckets) return;
    const { ctx } = u;
    const width = Math.max(1, u.valToPos(buckets.width / 1e6, "x", true) - u.valToPos(0, "x", true));
    ctx.save();
    ctx.beginPath();
    ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
    ctx.clip();
    const [first, last] = this.#visible(buckets);
    this.#points.forEach((point, index) => {
      if (this.#hidden.has(point.id) || isDiscrete(point)) return;
      const lane = buckets.lane(point.id);
      const scale = `y ${unitOf(point)}`;
      ctx.fillStyle = token(`--trace-${(index % 10) + 1}`);
      ctx.globalAlpha = 0.38;
      for (let bucket = first; bucket < last; bucket += 1) {
        if (!lane.has(bucket) || lane.severity[bucket] === 2 || !(lane.max[bucket] > lane.min[bucket])) continue;
        const x = u.valToPos((buckets.start + bucket * buckets.width) / 1e6, "x", true);
        const top = u.valToPos(lane.max[bucket], scale, true);
        const bottom = u.valToPos(lane.min[bucket], scale, true);
        ctx.fillRect(x - width / 2, top - 0.5, width + 0.5, Math.max(1, bottom - top + 1));
      }
    });
    ctx.restore();
  }

  /**
   * A strip for each point with bad quality: solid where invalid, light where questionable.
   * @param {import("./uplot.js").UPlot} u
   * @param {(name: string) => string} token
   */
  #drawQuality(u, token) {
    const buckets = this.#buckets;
    if (!buckets) return;
    const { ctx } = u;
    const ratio = devicePixelRatio;
    const width = Math.max(2 * ratio, u.valToPos(buckets.width / 1e6, "x", true) - u.valToPos(0, "x", true));
    const [first, last] = this.#visible(buckets);
    ctx.save();
    ctx.fillStyle = token("--quality");
    let strip = 0;
    for (const point of this.#points) {
      if (this.#hidden.has(point.id)) continue;
      const lane = buckets.lane(point.id);
      const y = u.bbox.top + u.bbox.height - (strip + 1) * (STRIP + 1) * ratio;
      let isDrawn = false;
      for (let bucket = first; bucket < last; bucket += 1) {
        if (!lane.has(bucket) || lane.severity[bucket] === 0) continue;
        isDrawn = true;
        ctx.globalAlpha = lane.severity[bucket] === 2 ? 1 : 0.5;
        const height = (lane.severity[bucket] === 2 ? STRIP : STRIP / 2) * ratio;
        ctx.fillRect(u.valToPos((buckets.start + bucket * buckets.width) / 1e6, "x", true) - width / 2, y, width, height);
      }
      if (isDrawn) strip += 1;
    }
    ctx.restore();
  }

  /** @param {import("./buckets.js").Buckets} buckets */
  #visible(buckets) {
    const first = Math.max(0, Math.floor((this.#range.start - buckets.start) / buckets.width));
    const last = Math.min(buckets.count, Math.ceil((this.#range.end - buckets.start) / buckets.width) + 1);
    return [first, last];
  }

  /** @param {import("./uplot.js").UPlot} u */
  #select(u) {
    const { left, width } = u.select;
    if (width < 4) return;
    const start = u.posToVal(left, "x") * 1e6;
    const end = u.posToVal(left + width, "x") * 1e6;
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.#options.onZoom?.(Math.round(start), Math.round(end));
  }
}

/** @param {import("./types.js").Point} point */
function unitOf(point) {
  return isDiscrete(point) ? STATE : point.unit || "1";
}

/** @param {number[]} at */
function decimalsOf(at) {
  const step = at.length > 1 ? Math.abs(at[1] - at[0]) : 1;
  for (let decimals = 0; decimals < 6; decimals += 1) {
    const scaled = step * 10 ** decimals;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return decimals;
  }
  return 6;
}

/**
 * 24 h UTC; the date at midnight and at the left edge where days differ; seconds where they matter.
 * @param {number} seconds
 * @param {number} index
 * @param {number[]} all
 */
function timeLabel(seconds, index, all) {
  const step = all.length > 1 ? all[1] - all[0] : 60;
  const us = seconds * 1e6;
  if (step >= 86_400) return formatDate(us).slice(5);
  const isNewDay = index > 0 && formatDate(us) !== formatDate(all[index - 1] * 1e6);
  if (isNewDay) return formatDate(us).slice(5);
  const time = formatTime(us);
  return step < 60 ? time : time.slice(0, 5);
}
