/**
 * The trend workbench: some points over a range of time, following the present or standing still. The address says all of it.
 * @module
 */

import { get, getPoints } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatMoment, formatNumber } from "./format.js";
import { startPage } from "./page.js";
import { makePointPicker } from "./point-picker.js";
import { addShortcut } from "./shortcuts.js";
import { texts } from "./texts/trend.js";
import { TrendChart } from "./trend-chart.js";
import { TrendData } from "./trend-data.js";
import { openAxes, openExport, openGoTo, openViews } from "./trend-dialogs.js";
import { findEvents } from "./trend-events.js";
import { Pens } from "./trend-pens.js";
import { isoOf, MAX_PENS, readState, SHIFTS, spanOf, timeOf, writeState } from "./trend-state.js";

const DAY_US = 86_400e6;
const SHORTEST_US = 1e6;
const SETTLE_MS = 350;

void startPage(async (live) => {
  let state = readState(location.search);
  const wanted = state.points;
  let points = await findPoints(wanted);

  const host = make("div", { class: "chart", tabindex: "0", role: "group", "aria-label": texts.chart });
  const range = make("span", { class: "range", role: "status" });
  const loading = make("span", { class: "loading" });
  const failure = make("span", { class: "failure", role: "alert" });
  const hint = make("p", { class: "empty" });
  const readout = make("p", { class: "readout" });
  const computed = make("span", { class: "computed", role: "status" });
  const presets = Object.entries(texts.presets).map(([preset, words]) => ({ preset, button: makeButton(words, () => setRange(preset, "now")) }));
  const follow = makeButton(texts.pause, () => toggleFollow());
  const compare = make("select", { "aria-label": texts.compare }, ...SHIFTS.map((shift) => make("option", { value: shift }, texts.shifts[/** @type {keyof typeof texts.shifts} */ (shift)])));
  compare.addEventListener("change", () => change({ compare: compare.value }, true));
  const events = makeButton(texts.events, () => change({ events: !state.events }, true));
  const picker = makePointPicker((point) => {
    if (points.length >= MAX_PENS) return setText(failure, texts.full(MAX_PENS));
    if (!points.some((one) => one.id === point.id)) setPoints([...points, point], true);
  });
  const pens = new Pens({
    onHide: (id, isHidden) => {
      const hidden = points.filter((point) => (point.id === id ? isHidden : isPenHidden(point))).map((point) => point.path);
      change({ hidden }, false);
    },
    onRemove: (id) => setPoints(points.filter((one) => one.id !== id), true),
    onMove: (id, by) => {
      const place = points.findIndex((point) => point.id === id);
      const next = [...points];
      next.splice(place + by, 0, ...next.splice(place, 1));
      setPoints(next, false);
    },
  });
  const group = (/** @type {string} */ label, /** @type {Node[]} */ ...children) => make("span", { class: "joined", role: "group", "aria-label": label }, ...children);
  byId("main").append(
    make(
      "section",
      { class: "panel chart-panel", "aria-label": texts.title },
      make(
        "div",
        { class: "toolbar" },
        make("span", { class: "presets joined", role: "group", "aria-label": texts.range }, ...presets.map(({ button }) => button)),
        follow,
        group(texts.range, makeButton("−", () => zoom(2), texts.zoomOut), makeButton("+", () => zoom(0.5), texts.zoomIn), makeButton("↶", () => history.back(), texts.back)),
        makeButton(texts.goTo, () => goTo()),
        range,
        loading,
        failure,
        make("label", { class: "compare" }, texts.compare, compare),
        events,
        makeButton(texts.axes, () => openAxes(chart.axes, (axes) => change({ axes }, true))),
        makeButton(texts.views, () => openViews(state.name, (name) => writeState({ ...state, name }), (name) => change({ name }, false))),
        makeButton(texts.export, () => openExport(askedRange(), askStatistics())),
      ),
      host,
      hint,
      readout,
    ),
    make(
      "div",
      { class: "panel pens-panel" },
      make("div", { class: "toolbar" }, picker, computed),
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": texts.points }, pens.element),
    ),
  );

  const chart = new TrendChart(host, {
    onZoom: (start, end) => setRange(isoOf(start), isoOf(end)),
    onCursor: (time) => showPointer(time),
    onMark: (time, isSecond) => setCursor(isSecond ? 1 : 0, time),
  });
  const data = new TrendData(live, chart, {
    onLoading: (isLoading) => setText(loading, isLoading ? texts.loading : ""),
    onError: (words) => setText(failure, words),
    onChange: () => {
      showRange();
      showValues();
    },
  });
  /** @type {number | null} */ let pointer = null;
  let active = 0;
  /** @type {import("./trend-events.js").Mark[]} */ let marks = [];
  let isMarkedWhole = true;
  /** @type {AbortController | null} */ let asking = null;
  let settling = 0;
  let refreshed = 0;

  /** @param {import("./types.js").Point} point */
  function isPenHidden(point) {
    return state.hidden.includes(point.path) || state.hidden.includes(String(point.id));
  }

  /**
   * @param {import("./types.js").Point[]} next
   * @param {boolean} isNew
   */
  function setPoints(next, isNew) {
    points = next;
    const paths = points.map((point) => point.path);
    change({ points: paths, hidden: state.hidden.filter((path) => paths.includes(path)) }, isNew, true);
  }

  /**
   * Changes what is shown, and the address with it.
   * @param {Partial<import("./trend-state.js").TrendState>} changes
   * @param {boolean} isNew whether the browser's back button returns to what was before
   * @param {boolean} [isOther] whether the points are others
   */
  function change(changes, isNew, isOther = false) {
    state = { ...state, ...changes };
    if (isNew) history.pushState(null, "", `?${writeState(state)}`);
    else history.replaceState(null, "", `?${writeState(state)}`);
    apply(isOther, "from" in changes || "to" in changes || "compare" in changes || isOther);
  }

  /**
   * @param {string} from
   * @param {string} to
   */
  function setRange(from, to) {
    change({ from, to }, true);
  }

  /**
   * Shows what the state says.
   * @param {boolean} isOther whether the points are others
   * @param {boolean} isAsked whether history has to be asked for
   */
  function apply(isOther, isAsked) {
    const hidden = new Set(points.filter(isPenHidden).map((point) => point.id));
    if (isOther) {
      pens.setPoints(points, hidden);
      data.setPoints(points);
      live.subscribe(points.map((point) => point.id));
      pens.paintNewest(live, null);
    }
    const missing = wanted.filter((name) => !points.some((point) => point.path === name || String(point.id) === name) && state.points.includes(name));
    setText(hint, missing.length ? texts.missing(missing.join(", ")) : texts.noPoints);
    hint.hidden = points.length > 0 && !missing.length;
    hint.dataset.beside = String(points.length > 0);
    chart.setHidden(hidden);
    chart.setAxes(state.axes);
    chart.setMarks(state.cursors);
    for (const { preset, button } of presets) button.setAttribute("aria-pressed", String(state.to === "now" && spanOf(state.from) === spanOf(preset)));
    compare.value = state.compare;
    events.setAttribute("aria-pressed", String(state.events));
    data.compare(state.compare ? (spanOf(state.compare) ?? 0) : 0);
    const span = state.to === "now" ? spanOf(state.from) : null;
    setText(follow, span !== null ? texts.pause : texts.follow);
    if (isAsked) {
      const now = live.now();
      const [start, end] = [timeOf(state.from, now) ?? now - 3_600e6, timeOf(state.to, now) ?? now];
      if (span !== null) void data.follow(span);
      else void data.fix(start, Math.max(end, start + 1));
      pens.showStatistics(null);
    }
    settle();
    showValues();
  }

  /** Asks for what is of the whole range once it does not change any more. */
  function settle() {
    clearTimeout(settling);
    settling = window.setTimeout(() => {
      void showStatistics();
      void showEvents();
    }, SETTLE_MS);
  }

  function askedRange() {
    const shown = points.filter((point) => !isPenHidden(point));
    return new URLSearchParams({ points: shown.map((point) => point.path).join(","), from: isoOf(data.start), to: isoOf(data.end) });
  }

  /** @returns {Promise<import("./types.js").StatisticsAnswer>} */
  function askStatistics() {
    return get("history/statistics", Object.fromEntries(askedRange()));
  }

  async function showStatistics() {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    refreshed = Date.now();
    if (!points.length) return setText(computed, "");
    setText(computed, computed.textContent || texts.statisticsLoading);
    const query = { points: points.map((point) => point.path).join(","), from: isoOf(data.start), to: isoOf(data.end) };
    try {
      /** @type {import("./types.js").StatisticsAnswer} */
      const answer = await get("history/statistics", query, mine.signal);
      pens.showStatistics(answer);
      const count = answer.statistics.reduce((sum, one) => sum + one.samples, 0);
      setText(computed, texts.statisticsOf(formatNumber(count, 0)));
    } catch (error) {
      if (!mine.signal.aborted) setText(computed, texts.statisticsFailed(error instanceof Error ? error.message : String(error)));
    }
  }

  async function showEvents() {
    if (!state.events) {
      marks = [];
    } else {
      try {
        const found = await findEvents(data.start, data.end, points, live.supervision !== null);
        marks = found.marks;
        isMarkedWhole = found.isComplete;
      } catch (error) {
        setText(failure, error instanceof Error ? error.message : String(error));
      }
    }
    chart.setEvents(marks);
    showReadout();
  }

  /** @param {number} factor */
  function zoom(factor) {
    const length = data.end - data.start;
    const half = Math.max(length * factor, SHORTEST_US) / 2;
    if (data.isLive) return setRange(`-${formatSpan(2 * half)}`, "now");
    const middle = pointer !== null && factor < 1 ? pointer : (data.start + data.end) / 2;
    setRange(isoOf(middle - half), isoOf(middle + half));
  }

  /** @param {number} share of the range to move by */
  function pan(share) {
    const by = (data.end - data.start) * share;
    setRange(isoOf(data.start + by), isoOf(data.end + by));
  }

  function toggleFollow() {
    if (data.isLive) setRange(isoOf(data.start), isoOf(data.end));
    else setRange(`-${formatSpan(data.end - data.start)}`, "now");
  }

  function goTo() {
    openGoTo(data.start, data.end, (start, end) => setRange(isoOf(start), isoOf(end)));
  }

  /**
   * @param {number} which
   * @param {number | null} time
   */
  function setCursor(which, time) {
    active = which;
    const cursors = [...state.cursors];
    cursors[which] = time === null ? null : Math.round(time);
    change({ cursors }, false);
  }

  /** @param {number} columns */
  function moveCursor(columns) {
    const step = ((data.end - data.start) / chart.columns) * columns * devicePixelRatio;
    const time = state.cursors[active] ?? (data.start + data.end) / 2;
    setCursor(active, Math.min(Math.max(time + step, data.start), data.end));
  }

  /** @param {number | null} time */
  function showPointer(time) {
    pointer = time;
    showValues();
  }

  function showValues() {
    pens.showAt(data.buckets, pointer, state.cursors);
    showReadout();
  }

  function showReadout() {
    const [first, second] = state.cursors;
    const parts = [
      first === null ? "" : texts.cursor(1, formatMoment(first)),
      second === null ? "" : texts.cursor(2, formatMoment(second)),
      first !== null && second !== null ? texts.difference(formatLength(second - first)) : "",
      pointer === null ? "" : texts.pointer(formatMoment(pointer)),
      first === null && second === null ? texts.cursorHint : "",
    ];
    const near = (data.end - data.start) / 200;
    const at = pointer ?? state.cursors[active];
    const close = at === null ? [] : marks.filter((mark) => Math.abs(mark.time - at) <= near).slice(0, 3);
    parts.push(...close.map((mark) => `${formatMoment(mark.time)} ${mark.words}`));
    if (!isMarkedWhole && state.events) parts.push(texts.eventsMore(marks.length));
    setText(readout, parts.filter(Boolean).join("   "));
  }

  function showRange() {
    setText(range, `${formatMoment(data.start)} – ${data.isLive ? texts.now : formatMoment(data.end)}`);
  }

  host.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const time = pointer ?? (data.start + data.end) / 2;
    /** @type {Record<string, () => void>} */
    const actions = {
      "+": () => zoom(0.5),
      "=": () => zoom(0.5),
      "-": () => zoom(2),
      ArrowLeft: () => (event.shiftKey ? moveCursor(-1) : pan(-0.25)),
      ArrowRight: () => (event.shiftKey ? moveCursor(1) : pan(0.25)),
      PageUp: () => (event.shiftKey ? moveCursor(-20) : pan(-1)),
      PageDown: () => (event.shiftKey ? moveCursor(20) : pan(1)),
      End: () => setRange(`-${formatSpan(data.end - data.start)}`, "now"),
      1: () => setCursor(0, time),
      2: () => setCursor(1, time),
      Escape: () => change({ cursors: [null, null] }, false),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  host.addEventListener("dblclick", () => zoom(2));
  addShortcut("p", texts.keys.pause, toggleFollow);
  addShortcut("t", texts.keys.goTo, goTo);
  addShortcut("e", texts.keys.events, () => change({ events: !state.events }, true));
  addShortcut("c", texts.keys.compare, () => change({ compare: SHIFTS[(SHIFTS.indexOf(state.compare) + 1) % SHIFTS.length] }, true));
  addShortcut("b", texts.keys.back, () => history.back());
  addShortcut("n", texts.keys.add, () => picker.querySelector("input")?.focus());
  addShortcut("1 2", texts.keys.cursor, () => host.focus());
  addEventListener("popstate", async () => {
    state = readState(location.search);
    points = await findPoints(state.points);
    apply(true, true);
  });
  document.addEventListener("zonechange", () => {
    showRange();
    showValues();
    void showStatistics();
  });
  live.listen((changes) => pens.paintNewest(live, changes.links ? null : changes.points));
  setInterval(() => pens.paintNewest(live, null), 1_000);
  setInterval(() => {
    const every = (data.end - data.start) / DAY_US > 1 ? 600e3 : 5e3;
    if (data.isLive && !document.hidden && Date.now() - refreshed > every) settle();
  }, 1_000);
  apply(true, true);
  return { title: texts.title, subtitle: state.name };
});

/**
 * The points in the order of their names; those that there are not are left out.
 * @param {string[]} names paths or ids
 * @returns {Promise<import("./types.js").Point[]>}
 */
async function findPoints(names) {
  const found = await getPoints(names);
  return names.flatMap((name) => found.find((point) => point.path === name || String(point.id) === name) ?? []);
}

/**
 * @param {string} text
 * @param {() => void} action
 * @param {string} [label]
 */
function makeButton(text, action, label) {
  const button = make("button", { type: "button", class: "button", ...(label ? { "aria-label": label, title: label } : {}) }, text);
  button.addEventListener("click", action);
  return button;
}

/**
 * A length as the address has it: `1h`, `90s`.
 * @param {number} us
 */
function formatSpan(us) {
  for (const [unit, length] of /** @type {const} */ ([["d", DAY_US], ["h", 3_600e6], ["m", 60e6]])) {
    if (us % length < 1e3) return `${Math.round(us / length)}${unit}`;
  }
  return `${Math.max(1, Math.round(us / 1e6))}s`;
}

/**
 * A difference of times as people read it: `−01:12:07.5`, `2 d 03:00:00`.
 * @param {number} us
 */
function formatLength(us) {
  const seconds = Math.abs(us) / 1e6;
  const two = (/** @type {number} */ number) => String(Math.floor(number)).padStart(2, "0");
  const days = Math.floor(seconds / 86_400);
  const fraction = seconds < 600 ? (seconds % 1).toFixed(2).slice(1) : "";
  return `${us < 0 ? "−" : ""}${days ? `${days} d ` : ""}${two((seconds % 86_400) / 3_600)}:${two((seconds % 3_600) / 60)}:${two(seconds % 60)}${fraction}`;
}
