/**
 * A plan of the network, live: links that are down, utilization, nodes that do not answer, and alarms at what they are of.
 * @module
 */

import { draw, setText } from "./dom.js";
import { NO_MARKS, SymbolMarks, byUrgency, isUnacknowledged } from "./single-line-marks.js";
import { texts } from "./texts/network.js";
import { texts as singleLineTexts } from "./texts/single-line.js";

const MARK = 6;
const BESIDE_LABEL = 0.2;
const STATES = ["up", "down", "partly", "unknown"];
const NODE_STATES = ["silent", "unknown"];

/** @typedef {import("./types.js").Alarm} Alarm */
/** @typedef {import("./network-state.js").NetworkState} NetworkState */

/**
 * @typedef {object} Wire
 * @property {string[]} links
 * @property {Element} element
 * @property {SVGPathElement} path
 * @property {Element} title
 * @property {string} tip what the server says of it
 * @property {Element | null} label its first line
 * @property {string} words what stands there where no utilization is known
 * @property {string} speeds
 * @property {SVGGElement} mark
 */

/**
 * @typedef {object} Box a node, a device, a place, or the far end of a link
 * @property {string} key
 * @property {Element} element
 * @property {Element} title
 * @property {string} tip
 * @property {Element | null} note
 * @property {string} noteText
 * @property {SymbolMarks} marks
 */

export class NetworkPlan {
  /** @type {Wire[]} */ #wires = [];
  /** @type {Map<string, Box>} */ #boxes = new Map();
  #state;
  #isOverview;

  /**
   * @param {SVGSVGElement} drawing
   * @param {NetworkState} state
   * @param {(key: string) => boolean} canOpen whether a box leads somewhere
   * @param {(key: string) => void} open
   */
  constructor(drawing, state, canOpen, open) {
    this.element = drawing;
    this.#state = state;
    this.#isOverview = drawing.querySelector(".site, .place") !== null;
    for (const element of drawing.querySelectorAll(".link")) this.#takeWire(element);
    for (const element of drawing.querySelectorAll(".node[data-id], .row[data-id]")) {
      const key = String(element.getAttribute("data-id"));
      if (canOpen(key)) this.#takeBox(key, element);
    }
    const opened = (/** @type {Event} */ event) => {
      const element = event.target instanceof Element ? event.target.closest("[role=button]") : null;
      if (!element) return;
      event.preventDefault();
      open(String(element.getAttribute("data-id")));
    };
    drawing.addEventListener("click", opened);
    drawing.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") opened(event);
    });
  }

  /** @param {Element} element */
  #takeWire(element) {
    const path = /** @type {SVGPathElement} */ (element.querySelector("path"));
    const title = /** @type {Element} */ (element.querySelector("title"));
    const label = this.element.querySelector(`.label[data-of="${CSS.escape(String(element.getAttribute("data-id")))}"] tspan`);
    const links = String(element.getAttribute("data-links")).split(" ");
    const mark = draw("g", { class: "link-mark", "aria-hidden": "true" });
    this.#wires.push({ links, element, path, title, tip: title.textContent ?? "", label, words: label?.textContent ?? "", speeds: label?.parentElement?.getAttribute("data-speeds") ?? "", mark });
  }

  /**
   * @param {string} key
   * @param {Element} element
   */
  #takeBox(key, element) {
    const title = element.querySelector(":scope > title") ?? element.insertBefore(draw("title"), element.firstChild);
    const note = element.querySelector(":scope > .note");
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button");
    this.#boxes.set(key, { key, element, title, tip: title.textContent || key, note, noteText: note?.textContent ?? "", marks: new SymbolMarks(element) });
  }

  /**
   * The element of a node, a device or a place.
   * @param {string} key
   */
  of(key) {
    return this.#boxes.get(key)?.element;
  }

  /**
   * Marks the node that is looked at.
   * @param {string} key empty for none
   */
  choose(key) {
    for (const box of this.#boxes.values()) {
      box.element.classList.toggle("chosen", box.key === key);
      if (box.key === key) box.element.setAttribute("aria-current", "true");
      else box.element.removeAttribute("aria-current");
    }
  }

  /**
   * @param {(key: string) => {words: string, state: string, note: string, alarms: Alarm[]}} tell of each box: how it is in words and for
   *   its style, what stands in place of its note (empty: the note), and its alarms
   * @param {(point: import("./types.js").WatchedPoint) => Alarm | undefined} alarmOf
   */
  paint(tell, alarmOf) {
    for (const wire of this.#wires) this.#paintWire(wire, alarmOf);
    for (const box of this.#boxes.values()) this.#paintBox(box, tell(box.key));
  }

  /**
   * @param {Wire} wire
   * @param {(point: import("./types.js").WatchedPoint) => Alarm | undefined} alarmOf
   */
  #paintWire(wire, alarmOf) {
    const state = this.#state.links(wire.links);
    const load = this.#state.load(wire.links);
    const down = wire.links.filter((link) => this.#state.link(link) === "down");
    const alarms = this.#state.pointsOf(down).flatMap((point) => alarmOf(point) ?? []);
    const priority = Math.min(...alarms.map((alarm) => alarm.priority));
    if (wire.label) setText(wire.label, Number.isNaN(load) || state === "down" ? wire.words : texts.load(wire.speeds, load));
    setText(wire.title, `${wire.tip}\n${state === "partly" ? `${texts.links.down}: ${down.join(", ")}` : texts.link(state)}`);
    if (Number.isFinite(priority)) wire.element.setAttribute("data-priority", String(priority));
    else wire.element.removeAttribute("data-priority");
    if (wire.element.classList.contains(state)) return;
    for (const each of STATES) wire.element.classList.toggle(each, each === state);
    this.#mark(wire, state);
  }

  /**
   * A cross on a link that is down, a question mark on one that nothing is known of; in its middle, or beside a label that is there.
   * @param {Wire} wire
   * @param {string} state
   */
  #mark({ path, mark, element }, state) {
    if (state === "up" || state === "unwatched") {
      mark.remove();
      return;
    }
    const { x, y } = path.getPointAtLength(path.getTotalLength() * (this.#isOverview ? BESIDE_LABEL : 0.5));
    const cross = `M${x - 3} ${y - 3}L${x + 3} ${y + 3}M${x - 3} ${y + 3}L${x + 3} ${y - 3}`;
    const sign = state === "unknown" ? draw("text", { x, y: y + 3.5, "text-anchor": "middle" }, "?") : draw("path", { d: cross });
    mark.replaceChildren(draw("circle", { cx: x, cy: y, r: MARK }), sign);
    element.append(mark);
  }

  /**
   * @param {Box} box
   * @param {{words: string, state: string, note: string, alarms: Alarm[]}} told
   */
  #paintBox(box, { words, state, note, alarms }) {
    const sorted = [...alarms].sort(byUrgency);
    const [first] = sorted;
    const said = [
      box.tip,
      words,
      ...(first ? [singleLineTexts.alarm(first, isUnacknowledged(first))] : []),
      ...(sorted.length > 1 ? [texts.moreAlarms(sorted.length - 1)] : []),
    ].filter(Boolean).join("; ");
    setText(box.title, said);
    box.element.setAttribute("aria-label", said);
    for (const each of NODE_STATES) box.element.classList.toggle(each, each === state);
    box.element.classList.toggle("wrong", note !== "");
    if (box.note) setText(box.note, note || box.noteText);
    box.marks.show({ ...NO_MARKS, alarms: sorted });
  }
}
