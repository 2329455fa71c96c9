/**
 * A single-line diagram of the server, live: positions and measurements as they change, energization as the server computes it.
 * @module
 */

import { ApiError, get } from "./api.js";
import { setText } from "./dom.js";
import { formatNumber } from "./format.js";
import { markOf } from "./quality.js";
import { texts } from "./texts/single-line.js";

const SOON_MS = 150;
const AGAIN_MS = 5_000;
const POSITIONS = ["open", "closed", "intermediate", "unknown"];
const STATES = ["energized", "de-energized", "earthed", "not-known", "faulty"];
/** @type {Record<string, string>} */
const CLASS_OF = { unknown: "not-known", "energized and earthed": "faulty" };

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
  /** @type {Reading[]} */ #readings = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #soon;
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
    for (const state of this.#states.values()) {
      const element = this.#equipment.get(state.id);
      if (!element || !state.points.length) continue;
      element.setAttribute("tabindex", "0");
      element.setAttribute("role", "button");
      if (state.position) this.#positions.add(/** @type {number} */ (state.points[0]));
    }
    this.#live.listen((changes) => {
      this.#paintReadings(changes.links || changes.status ? null : changes.points);
      if (changes.links || [...changes.points].some((point) => this.#positions.has(point))) this.#refreshSoon();
    });
    this.#paintReadings(null);
    setInterval(() => void this.refresh(), AGAIN_MS);
    return [...new Set([...this.#readings.map((reading) => reading.point.id), ...this.#positions])];
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
    const title = element.querySelector("title");
    if (!title) return;
    const name = element.getAttribute("data-name") ?? title.textContent ?? "";
    element.setAttribute("data-name", name);
    const words = texts.state(name, state.position, state.state, state.why);
    setText(title, words);
    element.setAttribute("aria-label", words);
  }

  /** @param {Set<number> | null} changed null: all */
  #paintReadings(changed) {
    for (const { point, element, value, decimals } of this.#readings) {
      if (changed && !changed.has(point.id)) continue;
      const sample = this.#live.samples.get(point.id);
      if (!sample) continue;
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
 * The drawing of a site, as an element of this document. The browser parses it as it comes: parsing a text would need markup to be trusted.
 * @param {string} site
 * @returns {Promise<SVGSVGElement>}
 */
export function fetchDrawing(site) {
  const request = new XMLHttpRequest();
  request.open("GET", `/api/sites/${encodeURIComponent(site)}/diagram`);
  request.responseType = "document";
  return new Promise((resolve, reject) => {
    request.addEventListener("error", () => reject(new TypeError(texts.notComputed)));
    request.addEventListener("load", () => {
      const root = request.response?.documentElement;
      if (request.status === 200 && root instanceof SVGSVGElement) resolve(document.importNode(root, true));
      else reject(new ApiError(request.status, texts.none));
    });
    request.send();
  });
}

/**
 * One class of several.
 * @param {Element} element
 * @param {string[]} names
 * @param {string} name
 */
function setOne(element, names, name) {
  for (const each of names) element.classList.toggle(each, each === name);
}
