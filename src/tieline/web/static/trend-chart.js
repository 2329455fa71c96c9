/**
 * A chart of several points over time. Numbers are lines over bars: a bar in every column of the screen from the least to the
 * greatest value, so that no extreme is lost however far one zooms out, and a line through the last value of each. Points that have
 * states are bands with the state in words below. Lines break where nothing was heard for too long or the value was invalid; a strip
 * at the bottom says where the quality was bad.
 * @module
 */

import { formatDate, formatNumber, formatTime } from "./format.js";
import { isDiscrete } from "./states.js";
import { layColumns, valueAt, visibleBuckets } from "./trend-columns.js";
import { holdOf } from "./trend-data.js";
import { BAND, drawBand, drawBars, drawEvents, drawLine, drawNumber, drawStrip } from "./trend-paint.js";
import { zones } from "./zone.js";

/** @type {import("./uplot.js").UPlotConstructor} */
const UPlot = /** @type {any} */ (globalThis).uPlot;

const COLORS = 16;
const MOST_AXES = 6;
const TIME_AXIS = 28;

/**
 * @typedef {object} ChartOptions
 * @property {(start: number, end: number) => void} [onZoom] a range was dragged, microseconds
 * @property {(time: number | null) => void} [onCursor] microseconds
 * @property {(time: number, isSecond: boolean) => void} [onMark] somebody clicked at that time
 * @property {boolean} [isSmall]
 */

export class TrendChart {
  /** @type {import("./uplot.js").UPlot | null} */ #plot = null;
  /** @type {import("./types.js").Point[]} */ #points = [];
  /** @type {Set<number>} */ #hidden = new Set();
  /** @type {import("./buckets.js").Buckets | null} */ #buckets = null;
  /** @type {import("./buckets.js").Buckets | null} */ #earlier = null;
  #shift = 0;
  /** @type {Record<string, [number, number]>} */ #axes = {};
  /** @type {{time: number, weight: number}[]} */ #events = [];
  /** @type {(number | null)[]} */ #marks = [null, null];
  /** @type {HTMLElement[]} */ #markers = [];
  #range = { start: 0, end: 1 };
  #heldUntil = -Infinity;
  #host;
  #options;
  #isAsked = false;
  /** @type {string[]} */ #colors = [];

  /**
   * @param {HTMLElement} host
   * @param {ChartOptions} [options]
   */
  constructor(host, options = {}) {
    this.#host = host;
    this.#options = options;
    new ResizeObserver(() => {
      if (this.#isSeen) this.#plot?.setSize(this.#size());
    }).observe(host);
    document.addEventListener("themechange", () => this.#build());
    document.addEventListener("zonechange", () => this.#build());
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
    this.#ask();
  }

  /**
   * The same points so much earlier, dashed; null for none.
   * @param {import("./buckets.js").Buckets | null} buckets
   * @param {number} shift microseconds
   */
  compare(buckets, shift) {
    this.#earlier = buckets;
    this.#shift = shift;
  }

  /**
   * Which points' lines are hidden.
   * @param {Iterable<number>} hidden
   */
  setHidden(hidden) {
    this.#hidden = new Set(hidden);
    this.#ask();
  }

  /** @param {Record<string, [number, number]>} axes the ranges of those axes that have one of their own, by unit */
  setAxes(axes) {
    this.#axes = axes;
    this.#ask();
  }

  /** @param {{time: number, weight: number}[]} events marked at the top; a weight from 0 to 1 says how much they matter */
  setEvents(events) {
    this.#events = events;
    this.#ask();
  }

  /** @param {(number | null)[]} marks two times, microseconds */
  setMarks(marks) {
    this.#marks = marks;
    this.#placeMarks();
  }

  get range() {
    return this.#range;
  }

  /** How many columns of the screen the chart has, each a pixel of it. */
  get columns() {
    return Math.max(1, Math.round(this.#plot?.bbox.width ?? this.#host.clientWidth * devicePixelRatio));
  }

  /** The units of the axes, and the range that each shows now. */
  get axes() {
    return this.#units().map((unit) => ({ unit, range: this.#extent(unit), isOwn: unit in this.#axes }));
  }

  #ask() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    requestAnimationFrame(() => {
      this.#isAsked = false;
      this.#paint();
    });
  }

  #size() {
    return { width: Math.max(this.#host.clientWidth, 50), height: Math.max(this.#host.clientHeight, 50) };
  }

  #units() {
    return [...new Set(this.#points.filter((point) => !isDiscrete(point)).map(unitOf))];
  }

  #bands() {
    return this.#points.filter((point) => isDiscrete(point));
  }

  #paint() {
    const plot = this.#plot;
    if (!plot || !this.#buckets || !this.#isSeen) return;
    const { start, end } = this.#range;
    plot.batch(() => {
      for (const unit of this.#units()) {
        const [min, max] = this.#extent(unit);
        plot.setScale(`y ${unit}`, { min, max });
      }
      plot.setScale("x", { min: start / 1e6, max: end / 1e6 });
    });
    plot.redraw(false, true);
    this.#placeMarks();
  }

  /** Whether there is any room to draw in: none in a dialog that is closed. */
  get #isSeen() {
    return this.#host.clientWidth > 0;
  }

  #placeMarks() {
    const plot = this.#plot;
    if (!plot) return;
    this.#markers.forEach((marker, index) => {
      const time = this.#marks[index];
      const left = time === null ? -1 : plot.valToPos(time / 1e6, "x");
      marker.hidden = left < 0 || left > plot.over.clientWidth;
      marker.style.left = `${left}px`;
    });
  }

  #build() {
    this.#plot?.destroy();
    const style = getComputedStyle(this.#host);
    /** @param {string} name */
    const token = (name) => style.getPropertyValue(name).trim();
    this.#colors = Array.from({ length: COLORS }, (_, index) => token(`--trace-${index + 1}`));
    const units = this.#units();
    const font = `${this.#options.isSmall ? 11 : 12}px ${token("--mono")}`;
    const axis = { stroke: token("--text-quiet"), font, grid: { stroke: token("--grid"), width: 1 }, ticks: { show: false } };
    const below = this.#bands().length * BAND + (this.#bands().length ? 6 : 0);
    /** @type {Record<string, object>} */
    const scales = { x: { time: true, auto: false } };
    for (const unit of units.length ? units : [""]) scales[`y ${unit}`] = { auto: false, min: 0, max: 1 };
    const plot = new UPlot(
      {
        ...this.#size(),
        padding: [14, units.length > 1 ? 0 : 14, 0, units.length ? 0 : 62],
        legend: { show: false },
        tzDate: (/** @type {number} */ seconds) => UPlot.tzDate(new Date(seconds * 1e3), zones().shown),
        scales,
        axes: [
          {
            ...axis,
            space: 90,
            size: TIME_AXIS + below,
            gap: 6 + below,
            values: (/** @type {unknown} */ _, /** @type {number[]} */ at) => at.map(timeLabel),
          },
          ...units.slice(0, MOST_AXES).map((unit, index) => ({
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
            values: (/** @type {unknown} */ _, /** @type {number[]} */ at) => at.map((value) => formatNumber(value, decimalsOf(at))),
          })),
        ],
        series: [{}, { scale: `y ${units[0] ?? ""}`, paths: () => null, points: { show: false } }],
        cursor: {
          drag: { x: true, y: false, setScale: false },
          points: { show: false },
          bind: { dblclick: () => null },
        },
        hooks: {
          draw: [(/** @type {import("./uplot.js").UPlot} */ u) => this.#draw(u, token, font)],
          setSelect: [(/** @type {import("./uplot.js").UPlot} */ u) => this.#select(u)],
          setCursor: [
            (/** @type {import("./uplot.js").UPlot} */ u) => {
              const isInside = u.cursor.left >= 0;
              this.#options.onCursor?.(isInside ? Math.round(u.posToVal(u.cursor.left, "x") * 1e6) : null);
            },
          ],
        },
      },
      [
        [0, 1e11],
        [null, null],
      ],
      this.#host,
    );
    this.#plot = plot;
    this.#markers = [1, 2].map((number) => {
      const marker = document.createElement("div");
      marker.className = "mark";
      marker.dataset.mark = String(number);
      marker.hidden = true;
      plot.over.append(marker);
      return marker;
    });
    this.#listenForClicks(plot);
    this.#paint();
  }

  /** @param {import("./uplot.js").UPlot} plot */
  #listenForClicks(plot) {
    let pressed = -1;
    plot.over.addEventListener("pointerdown", (event) => (pressed = event.button === 0 ? event.clientX : -1));
    plot.over.addEventListener("pointerup", (event) => {
      if (pressed < 0 || Math.abs(event.clientX - pressed) > 3) return;
      const left = event.clientX - plot.over.getBoundingClientRect().left;
      this.#options.onMark?.(Math.round(plot.posToVal(left, "x") * 1e6), event.shiftKey);
    });
  }

  /**
   * Least and largest value on the axis of a unit: its own range, or that of all its points on the screen with a little room.
   * @param {string} unit
   * @returns {[number, number]}
   */
  #extent(unit) {
    if (unit in this.#axes) return this.#axes[unit];
    let low = Infinity;
    let high = -Infinity;
    for (const [buckets, shift] of this.#sources()) {
      const [first, last] = visibleBuckets(buckets, this.#range.start - shift, this.#range.end - shift);
      for (const point of this.#points) {
        if (isDiscrete(point) || unitOf(point) !== unit || this.#hidden.has(point.id)) continue;
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

  /** @returns {[import("./buckets.js").Buckets, number][]} what is drawn, and how much earlier it is */
  #sources() {
    /** @type {[import("./buckets.js").Buckets, number][]} */
    const sources = this.#earlier && this.#shift ? [[this.#earlier, this.#shift]] : [];
    if (this.#buckets) sources.push([this.#buckets, 0]);
    return sources;
  }

  /**
   * @param {import("./uplot.js").UPlot} u
   * @param {(name: string) => string} token
   * @param {string} font
   */
  #draw(u, token, font) {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    const count = Math.round(bbox.width);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    let strip = 0;
    for (const [buckets, shift] of this.#sources()) {
      const start = this.#range.start - shift;
      const end = this.#range.end - shift;
      this.#points.forEach((point, index) => {
        if (this.#hidden.has(point.id) || isDiscrete(point)) return;
        const columns = layColumns(buckets, buckets.lane(point.id), start, end, count, holdOf(point));
        const [min, max] = this.#extentDrawn(u, unitOf(point));
        const pen = { ctx, left: bbox.left, top: bbox.top, height: bbox.height, min, max, color: this.#colors[index % COLORS], ratio };
        if (!shift) drawBars(pen, columns);
        const width = this.#options.isSmall ? 1.25 : 1.5;
        const until = shift ? -1 : Math.min(count - 1, Math.floor(((this.#heldUntil - start) / (end - start)) * count) - 1);
        const edge = drawLine(pen, columns, width, shift > 0, until, point.is_straight);
        if (edge && !shift && !this.#options.isSmall && this.#points.length > 1) drawNumber(pen, edge, String(index + 1), font, token("--panel"));
        if (!shift && drawStrip(pen, columns, strip, token("--quality"))) strip += 1;
      });
    }
    if (this.#events.length) drawEvents(u, this.#events, token("--text-quiet"), token("--text-strong"), ratio);
    ctx.restore();
    this.#drawBands(u, token, font, count);
  }

  /**
   * @param {import("./uplot.js").UPlot} u
   * @param {string} unit
   * @returns {[number, number]}
   */
  #extentDrawn(u, unit) {
    const scale = `y ${unit}`;
    return [u.posToVal(u.bbox.height / devicePixelRatio, scale), u.posToVal(0, scale)];
  }

  /**
   * @param {import("./uplot.js").UPlot} u
   * @param {(name: string) => string} token
   * @param {string} font
   * @param {number} count
   */
  #drawBands(u, token, font, count) {
    const buckets = this.#buckets;
    if (!buckets) return;
    const { start, end } = this.#range;
    const now = Number.isFinite(this.#heldUntil) ? this.#heldUntil : end;
    const until = Math.min(count - 1, Math.ceil(((now - start) / (end - start)) * count));
    this.#bands().forEach((point, row) => {
      const index = this.#points.indexOf(point);
      const lane = buckets.lane(point.id);
      const columns = layColumns(buckets, lane, start, end, count, holdOf(point));
      if (columns.severity[0] === 255) {
        const before = valueAt(buckets, lane, start, holdOf(point));
        if (before && !Number.isNaN(before.value)) {
          columns.low[0] = columns.high[0] = columns.last[0] = before.value;
          columns.severity[0] = before.severity;
        }
      }
      const look = {
        color: this.#colors[index % COLORS],
        ground: token("--panel"),
        text: token("--text"),
        quality: token("--quality"),
        font,
        number: String(index + 1),
        isHidden: this.#hidden.has(point.id),
      };
      drawBand(u, point, columns, row, Math.ceil((holdOf(point) / (end - start)) * count), until, look);
    });
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
  return point.unit || "1";
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
 * 24 h in the zone that is shown; the date at midnight; seconds where they matter.
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
