/**
 * The trend: some points over a range of time, following the present or standing still. The address says all of it.
 * @module
 */

import { getPoints } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatMoment, formatNumber } from "./format.js";
import { startPage } from "./page.js";
import { makePointPicker } from "./point-picker.js";
import { isDiscrete, stateOf } from "./states.js";
import { TrendChart } from "./trend-chart.js";
import { TrendData } from "./trend-data.js";
import { ValueCell } from "./value-cell.js";

const MAX_POINTS = 10;
const PRESETS = ["-15m", "-1h", "-6h", "-24h", "-7d", "-30d"];
const UNITS_US = { s: 1e6, m: 60e6, h: 3_600e6, d: 86_400e6, w: 604_800e6 };

void startPage(async (live) => {
  const asked = new URLSearchParams(location.search);
  const named = (asked.get("points") ?? "").split(",").filter(Boolean).slice(0, MAX_POINTS);
  /** @type {import("./types.js").Point[]} */
  let points = await getPoints(named);
  let from = asked.get("from") ?? "-1h";
  let to = asked.get("to") ?? "now";

  const host = make("div", { class: "chart", tabindex: "0", role: "group", "aria-label": "Trend; plus and minus zoom, arrows move" });
  const range = make("span", { class: "range", role: "status" });
  const state = make("span", { class: "loading" });
  const failure = make("span", { class: "failure", role: "alert" });
  const series = make("ol", { class: "series" });
  const cursor = make("span", { class: "cursor-time" }, "Newest");
  const hint = make("p", { class: "empty" }, "No points yet: add one on the right, or click a value on a site's page.");
  const presets = PRESETS.map((preset) => makeButton(preset.slice(1), () => setRange(preset, "now")));
  const out = makeButton("Zoom out", () => zoom(2));
  const download = make("a", { class: "button", download: "trend.csv" }, "CSV");
  const picker = makePointPicker((point) => {
    if (points.some((one) => one.id === point.id) || points.length >= MAX_POINTS) return;
    setPoints([...points, point]);
  });
  byId("main").append(
    make(
      "section",
      { class: "panel chart-panel" },
      make("div", { class: "toolbar" }, make("span", { class: "presets", role: "group", "aria-label": "Range" }, ...presets), out, range, state, failure, download),
      host,
      hint,
    ),
    make("aside", { class: "panel side", "aria-label": "Points" }, make("h2", {}, "Points", cursor), picker, series),
  );

  const chart = new TrendChart(host, { onZoom: (start, end) => setRange(isoOf(start), isoOf(end)), onCursor: (time) => showAt(time) });
  const data = new TrendData(live, chart, {
    onLoading: (isLoading) => setText(state, isLoading ? "loading" : ""),
    onError: (words) => setText(failure, words),
    onChange: () => showRange(),
  });
  /** @type {{point: import("./types.js").Point, cell: ValueCell, at: HTMLElement, low: HTMLElement, high: HTMLElement}[]} */
  let entries = [];

  /** @param {import("./types.js").Point[]} next */
  function setPoints(next) {
    points = next;
    entries = points.map((point) => ({
      point,
      cell: new ValueCell(point),
      at: make("span", { class: "at" }),
      low: make("span", { class: "low" }),
      high: make("span", { class: "high" }),
    }));
    series.replaceChildren(...entries.map(makeEntry));
    hint.hidden = points.length > 0;
    data.setPoints(points);
    live.subscribe(points.map((point) => point.id));
    remember();
    apply();
  }

  /**
   * @param {typeof entries[number]} entry
   * @param {number} index
   */
  function makeEntry({ point, cell, at, low, high }, index) {
    const show = make("button", { type: "button", class: "swatch", "aria-pressed": "true", "aria-label": `Show ${point.path}` }, make("i"));
    show.addEventListener("click", () => {
      const isHidden = show.getAttribute("aria-pressed") === "true";
      show.setAttribute("aria-pressed", String(!isHidden));
      chart.setHidden(point.id, isHidden);
    });
    const remove = make("button", { type: "button", class: "remove", "aria-label": `Remove ${point.path}` }, "×");
    remove.addEventListener("click", () => setPoints(points.filter((one) => one.id !== point.id)));
    return make(
      "li",
      { "data-trace": String((index % 10) + 1), "data-point": point.path },
      show,
      make("a", { class: "path", href: `/site/${point.site}`, title: point.path }, point.path),
      remove,
      make("span", { class: "description" }, point.description || point.kind),
      make("span", { class: "reading" }, cell.age, cell.element, at, cell.unit),
      ...(isDiscrete(point) ? [] : [make("span", { class: "extent" }, "min ", low, " max ", high)]),
    );
  }

  /**
   * @param {string} nextFrom
   * @param {string} nextTo
   */
  function setRange(nextFrom, nextTo) {
    from = nextFrom;
    to = nextTo;
    remember(true);
    apply();
  }

  /** Asks for the range that `from` and `to` say. */
  function apply() {
    const span = to === "now" ? relativeSpan(from) : null;
    presets.forEach((button, index) => button.setAttribute("aria-pressed", String(to === "now" && PRESETS[index] === from)));
    const query = new URLSearchParams({ points: points.map((point) => point.path).join(","), from, to, format: "csv" });
    download.href = `/api/history?${query}`;
    if (span !== null) void data.follow(span);
    else void data.fix(timeOf(from, live.now()), timeOf(to, live.now()));
  }

  /** @param {boolean} [isNew] whether the browser's back button returns to what was before */
  function remember(isNew = false) {
    const query = `points=${points.map((point) => point.path).join(",")}&from=${from}${to === "now" ? "" : `&to=${to}`}`;
    if (isNew) history.pushState(null, "", `?${query}`);
    else history.replaceState(null, "", `?${query}`);
  }

  /** @param {number} factor */
  function zoom(factor) {
    const half = ((data.end - data.start) / 2) * factor;
    const middle = (data.start + data.end) / 2;
    const end = Math.min(middle + half, live.now());
    setRange(isoOf(end - 2 * half), isoOf(end));
  }

  /** @param {number} share of the range to move by */
  function pan(share) {
    const by = (data.end - data.start) * share;
    setRange(isoOf(data.start + by), isoOf(data.end + by));
  }

  function showRange() {
    setText(range, `${formatMoment(data.start)} – ${data.isLive ? "now" : formatMoment(data.end)}`);
    const { buckets } = data;
    const first = Math.max(0, Math.floor((data.start - buckets.start) / buckets.width));
    const last = Math.min(buckets.count, Math.ceil((data.end - buckets.start) / buckets.width));
    for (const { point, low, high } of entries) {
      const lane = buckets.lane(point.id);
      let min = Infinity;
      let max = -Infinity;
      for (let bucket = first; bucket < last; bucket += 1) {
        if (lane.min[bucket] < min) min = lane.min[bucket];
        if (lane.max[bucket] > max) max = lane.max[bucket];
      }
      setText(low, min > max ? "–" : wordsFor(point, min));
      setText(high, min > max ? "–" : wordsFor(point, max));
    }
  }

  /** @param {number | null} time under the cursor */
  function showAt(time) {
    setText(cursor, time === null ? "Newest" : formatMoment(time));
    series.dataset.cursor = String(time !== null);
    if (time === null) return;
    const { buckets } = data;
    for (const { point, at } of entries) {
      const lane = buckets.lane(point.id);
      const longest = Math.ceil(((1.5 * point.max_silence_s + 5) * 1e6) / buckets.width);
      const wanted = Math.min(Math.floor((time - buckets.start) / buckets.width), buckets.count - 1);
      let bucket = wanted;
      while (bucket >= 0 && wanted - bucket <= longest && !lane.has(bucket)) bucket -= 1;
      const isKnown = bucket >= 0 && lane.has(bucket);
      setText(at, isKnown ? `${wordsFor(point, lane.last[bucket])}${["", "?", "×"][lane.severity[bucket]]}` : "—");
    }
  }

  host.addEventListener("keydown", (event) => {
    const actions = { "+": () => zoom(0.5), "-": () => zoom(2), ArrowLeft: () => pan(-0.25), ArrowRight: () => pan(0.25) };
    const action = actions[/** @type {keyof typeof actions} */ (event.key)];
    if (!action) return;
    event.preventDefault();
    action();
  });
  host.addEventListener("dblclick", () => zoom(2));
  addEventListener("popstate", () => location.reload());
  live.listen((changes) => {
    for (const { point, cell } of entries) {
      if (changes.links || changes.points.has(point.id)) cell.paint(live.samples.get(point.id), live.isStale(point), live.now());
    }
  });
  setInterval(() => {
    for (const { point, cell } of entries) cell.paint(live.samples.get(point.id), live.isStale(point), live.now());
  }, 1_000);
  const missing = named.filter((name) => !points.some((point) => point.path === name || String(point.id) === name));
  if (missing.length) hint.textContent = `There is no point ${missing.join(", ")}.`;
  setPoints(points);
  hint.hidden = points.length > 0 && !missing.length;
  return { title: "Trend", subtitle: "min/max kept per pixel", current: "/trend" };
});

/**
 * @param {import("./types.js").Point} point
 * @param {number} value
 */
function wordsFor(point, value) {
  return isDiscrete(point) ? stateOf(point, value) : formatNumber(value, point.decimals);
}

/**
 * @param {string} text
 * @param {() => void} action
 */
function makeButton(text, action) {
  const button = make("button", { type: "button", class: "button" }, text);
  button.addEventListener("click", action);
  return button;
}

/** @param {number} us */
function isoOf(us) {
  return new Date(us / 1e3).toISOString();
}

/**
 * The length of `-1h`, microseconds; null for what is not relative.
 * @param {string} text
 */
function relativeSpan(text) {
  const found = /^(?:now)?-(\d+(?:\.\d+)?)([smhdw])$/.exec(text);
  return found ? Number(found[1]) * UNITS_US[/** @type {keyof typeof UNITS_US} */ (found[2])] : null;
}

/**
 * @param {string} text
 * @param {number} now
 */
function timeOf(text, now) {
  const span = relativeSpan(text);
  if (span !== null) return now - span;
  const parsed = Date.parse(text);
  return text === "now" || Number.isNaN(parsed) ? now : parsed * 1_000;
}
