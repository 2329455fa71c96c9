/**
 * A single-line diagram of the server, live: positions and measurements as they change, energization as the server computes it.
 * @module
 */

import { ApiError, get } from "./api.js";
import { watchControl } from "./control-watch.js";
import { setText } from "./dom.js";
import { formatNumber } from "./format.js";
import { markOf } from "./quality.js";
import { NO_MARKS, SymbolMarks, byUrgency, isShown, isUnacknowledged } from "./single-line-marks.js";
import { AlarmList } from "./supervision.js";
import { fetchSvg } from "./svg-document.js";
import { texts } from "./texts/single-line.js";

const SOON_MS = 150;
const AGAIN_MS = 5_000;
const POSITIONS = ["open", "closed", "intermediate", "bad", "unknown"];
const STATES = ["energized", "de-energized", "earthed", "not-known", "faulty"];
/** @type {Record<string, string>} */
const CLASS_OF = { unknown: "not-known", "energized and earthed": "faulty" };
const ELSEWHERE = "";

/**
 * @typedef {object} EquipmentState
 * @property {string} id
 * @property {string} state
 * @property {string} position
 * @property {string} why
 * @property {number[]} points
 */

/**
 * @typedef {object} Reading
 * @property {import("./types.js").Point} point
 * @property {Element} element
 * @property {Element} value
 * @property {number} decimals
 */

/** A diagram on the page. */
export class SingleLine {
  /** @type {Map<string, Element>} equipment and busbars by `data-id` */ #equipment = new Map();
  /** @type {Map<string, Element[]>} lines, busbars and junctions by `data-node` */ #nodes = new Map();
  /** @type {Map<string, EquipmentState>} */ #states = new Map();
  /** @type {Set<number>} */ #positions = new Set();
  /** @type {Map<string, SymbolMarks>} */ #signs = new Map();
  /** @type {Map<string, import("./single-line-marks.js").Marks>} */ #marks = new Map();
  /** @type {Map<number, import("./types.js").Point>} those of the site */ #points = new Map();
  /** @type {Map<string, string>} the equipment that a point is of, by path */ #ownerOf = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #marksSoon;
  /** @type {(count: number) => void} */ #tellElsewhere = () => {};
  /** @type {Reading[]} */ #readings = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #soon;
  #alarms;
  #control;
  #site;
  #live;

  /**
   * @param {SVGSVGElement} drawing
   * @param {string} site
   * @param {import("./live.js").Live} live
   */
  constructor(drawing, site, live) {
    this.element = drawing;
    this.#site = site;
    this.#live = live;
    this.#alarms = new AlarmList({ site });
    this.#control = watchControl(live);
    for (const element of drawing.querySelectorAll("[data-id]")) this.#equipment.set(String(element.getAttribute("data-id")), element);
    for (const element of drawing.querySelectorAll("[data-node]")) {
      const node = String(element.getAttribute("data-node"));
      this.#nodes.set(node, [...(this.#nodes.get(node) ?? []), element]);
    }
    drawing.addEventListener("click", (event) => this.#open(event));
    drawing.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") this.#open(event);
    });
  }

  /**
   * Begins to be live; gives the points that it shows.
   * @param {import("./types.js").Point[]} points those of the site
   */
  async start(points) {
    const byPath = new Map(points.map((point) => [point.path, point]));
    for (const element of this.element.querySelectorAll("[data-point]")) {
      const point = byPath.get(String(element.getAttribute("data-point")));
      const value = element.querySelector(".value");
      if (point && value) this.#readings.push({ point, element, value, decimals: Number(element.getAttribute("data-decimals")) });
    }
    await this.refresh();
    this.#points = new Map(points.map((point) => [point.id, point]));
    for (const state of this.#states.values()) {
      const element = this.#equipment.get(state.id);
      for (const id of state.points) if (element) this.#ownerOf.set(this.#points.get(id)?.path ?? "", state.id);
      if (!element || !state.points.length) continue;
      element.setAttribute("tabindex", "0");
      element.setAttribute("role", "button");
      if (state.position) this.#positions.add(/** @type {number} */ (state.points[0]));
    }
    this.#control.listen(() => this.#markSoon());
    this.#live.listen((changes) => {
      if (changes.supervision) void this.#refreshAlarms();
      this.#paintReadings(changes.links || changes.status ? null : changes.points);
      if (changes.links || [...changes.points].some((point) => this.#positions.has(point))) this.#refreshSoon();
    });
    this.#paintReadings(null);
    if (this.#live.supervision) void this.#refreshAlarms();
    this.#markSoon();
    setInterval(() => void this.refresh(), AGAIN_MS);
    return [...new Set([...this.#readings.map((reading) => reading.point.id), ...this.#positions])];
  }

  /**
   * Calls back with how many alarms stand that are at no symbol.
   * @param {(count: number) => void} tell
   */
  tellElsewhere(tell) {
    this.#tellElsewhere = tell;
  }

  /** Asks for the switching state, and paints it. */
  async refresh() {
    try {
      const answer = await get(`sites/${encodeURIComponent(this.#site)}/switching`);
      for (const state of /** @type {EquipmentState[]} */ (answer.equipment)) this.#paint(state);
      for (const [node, state] of Object.entries(answer.nodes)) {
        for (const element of this.#nodes.get(node) ?? []) setOne(element, STATES, CLASS_OF[state] ?? state);
      }
      this.element.classList.remove("lost");
    } catch (error) {
      if (error instanceof ApiError || error instanceof TypeError) this.#lose();
      else throw error;
    }
  }

  /** Nothing is known any more: positions are hatched, nothing is said to be dead. */
  #lose() {
    this.element.classList.add("lost");
    for (const state of this.#states.values()) {
      this.#paint({ ...state, state: "unknown", position: state.position && "unknown", why: texts.notComputed });
    }
    for (const elements of this.#nodes.values()) for (const element of elements) setOne(element, STATES, "not-known");
  }

  /** Where alarms do not answer the banner of every page says so, and the marks stay as they were. */
  async #refreshAlarms() {
    try {
      await this.#alarms.refresh();
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof TypeError)) throw error;
    }
    this.#markSoon();
  }

  #markSoon() {
    clearTimeout(this.#marksSoon);
    this.#marksSoon = setTimeout(() => this.#markAll(), SOON_MS);
  }

  /** Alarms, tags and selections at the symbols that they are of. */
  #markAll() {
    /** @type {Map<string, import("./types.js").Alarm[]>} */
    const alarms = new Map();
    for (const alarm of this.#alarms.alarms.values()) {
      if (!isShown(alarm)) continue;
      const named = this.#equipment.has(alarm.equipment) ? alarm.equipment : ELSEWHERE;
      const owner = this.#ownerOf.get(`${alarm.site}/${alarm.device}/${alarm.point}`) ?? named;
      alarms.set(owner, [...(alarms.get(owner) ?? []), alarm]);
    }
    this.#tellElsewhere(alarms.get(ELSEWHERE)?.length ?? 0);
    for (const state of this.#states.values()) {
      const element = this.#equipment.get(state.id);
      if (!element) continue;
      const marks = { ...this.#marksOf(state), alarms: (alarms.get(state.id) ?? []).sort(byUrgency) };
      const sign = this.#signs.get(state.id) ?? new SymbolMarks(element);
      this.#signs.set(state.id, sign);
      this.#marks.set(state.id, marks);
      sign.show(marks);
      this.#say(state, element);
    }
  }

  /** @param {EquipmentState} state */
  #marksOf(state) {
    const points = state.points.flatMap((id) => this.#points.get(id) ?? []);
    const paths = new Set([state.id, ...points.map((point) => point.path)]);
    const tags = new Set(points.flatMap((point) => this.#control.tagsOn(point, paths)));
    const selection = state.points.map((id) => this.#control.selectionOf(id)).find((each) => each !== null);
    return { tags: [...tags], selection: selection ?? null };
  }

  #refreshSoon() {
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => void this.refresh(), SOON_MS);
  }

  /** @param {EquipmentState} state */
  #paint(state) {
    this.#states.set(state.id, state);
    const element = this.#equipment.get(state.id);
    if (!element) return;
    setOne(element, STATES, CLASS_OF[state.state] ?? state.state);
    if (state.position) setOne(element, POSITIONS, state.position);
    this.#say(state, element);
  }

  /**
   * All of it in words, for the pointer and for screen readers.
   * @param {EquipmentState} state
   * @param {Element} element
   */
  #say(state, element) {
    const title = element.querySelector("title");
    if (!title) return;
    const name = element.getAttribute("data-name") ?? title.textContent ?? "";
    element.setAttribute("data-name", name);
    const { alarms, tags, selection } = this.#marks.get(state.id) ?? NO_MARKS;
    const words = [
      texts.state(name, state.position, state.state, state.why),
      ...(selection ? [texts.selected(selection.requester)] : []),
      ...tags.map((tag) => texts.tag(tag)),
      ...alarms.slice(0, 1).map((alarm) => texts.alarm(alarm, isUnacknowledged(alarm))),
      ...(alarms.length > 1 ? [texts.moreAlarms(alarms.length - 1)] : []),
    ].join("; ");
    setText(title, words);
    element.setAttribute("aria-label", words);
  }

  /** @param {Set<number> | null} changed null: all */
  #paintReadings(changed) {
    for (const { point, element, value, decimals } of this.#readings) {
      if (changed && !changed.has(point.id)) continue;
      const sample = this.#live.samples.get(point.id);
      if (!sample?.time) continue;
      const { mark, sign } = markOf(sample.quality);
      const isStale = this.#live.isStale(point);
      setText(value, formatNumber(sample.value, decimals) + sign);
      setOne(element, ["good", "questionable", "invalid", "substituted"], mark);
      element.classList.toggle("stale", isStale);
    }
  }

  /** @param {Event} event */
  #open(event) {
    const element = event.target instanceof Element ? event.target.closest("[data-id]") : null;
    const state = this.#states.get(element?.getAttribute("data-id") ?? "");
    if (!element || !state?.points.length) return;
    event.preventDefault();
    const title = element.getAttribute("data-name") ?? state.id;
    document.dispatchEvent(new CustomEvent("faceplate", { detail: { points: state.points, title } }));
  }
}

/**
 * The drawing of a site, as an element of this document.
 * @param {string} site
 */
export const fetchDrawing = (site) => fetchSvg(`sites/${encodeURIComponent(site)}/diagram`, wordsOf);

/**
 * One class of several.
 * @param {Element} element
 * @param {string[]} names
 * @param {string} name
 */
function setOne(element, names, name) {
  for (const each of names) element.classList.toggle(each, each === name);
}

/**
 * Why there is no drawing.
 * @param {number} status
 */
function wordsOf(status) {
  if (status === 0) return texts.unreachable;
  if (status === 401) return texts.notLoggedIn;
  return status === 404 ? texts.none : texts.failed(status);
}
