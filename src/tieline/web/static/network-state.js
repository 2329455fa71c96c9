/**
 * How the network is at this moment, from the points of its nodes: links, utilization, nodes, and what is not as designed.
 * @module
 */

import { severityOf } from "./quality.js";

/** @typedef {import("./types.js").WatchedPoint} WatchedPoint */
/** @typedef {"up" | "down" | "partly" | "unknown" | "unwatched"} LinkState partly: of several links some are down */
/** @typedef {"answers" | "silent" | "unknown" | "unwatched"} NodeState */
/**
 * @typedef {object} Difference something that is not as designed
 * @property {string} what `silent`, or a measure
 * @property {string} node
 * @property {WatchedPoint[]} points those that say so
 * @property {number} count of drift, how much differs
 */

/** In the order in which they are told. */
const WRONG_AT_ZERO = ["link", "supply", "poe", "neighbor", "firmware"];
const ORDER = ["silent", ...WRONG_AT_ZERO, "drift"];

export class NetworkState {
  /** @type {Map<string, WatchedPoint[]>} link states by link */ #links = new Map();
  /** @type {Map<string, WatchedPoint[]>} utilization by link */ #loads = new Map();
  /** @type {Map<string, string>} the site of each watched node */ #sites = new Map();
  /** @type {Map<string, Map<string, WatchedPoint>>} by `node/port`, by measure, or by name where it is about the node */ #at = new Map();
  #live;
  #isOwn;

  /**
   * @param {import("./live.js").Live} live
   * @param {WatchedPoint[]} watched
   * @param {(node: string) => boolean} [isOwn] of the other nodes only what links need is known
   */
  constructor(live, watched, isOwn = () => true) {
    this.#live = live;
    this.#isOwn = isOwn;
    this.watched = watched;
    for (const point of watched) {
      this.#sites.set(point.node, point.site);
      const key = `${point.node}/${point.port}`;
      this.#at.set(key, (this.#at.get(key) ?? new Map()).set(point.port ? point.measure : point.name, point));
      if (!point.link) continue;
      const kept = point.measure === "link" ? this.#links : /_percent$/.test(point.measure) ? this.#loads : null;
      kept?.set(point.link, [...(kept.get(point.link) ?? []), point]);
    }
  }

  /**
   * What a point measures; NaN where that is not known.
   * @param {WatchedPoint | undefined} point
   */
  value(point) {
    const sample = point && this.#live.samples.get(point.id);
    return !point || !sample?.time || this.#live.isStale(point) || severityOf(sample.quality) === 2 ? NaN : sample.value;
  }

  /**
   * @param {string} node
   * @param {string} [port] empty for what is about the node
   * @returns {ReadonlyMap<string, WatchedPoint>}
   */
  of(node, port = "") {
    return this.#at.get(`${node}/${port}`) ?? new Map();
  }

  /**
   * A link is down where either end says so.
   * @param {string} link
   * @returns {LinkState}
   */
  link(link) {
    const points = this.#links.get(link);
    if (!points) return "unwatched";
    const values = points.map((point) => this.value(point));
    return values.includes(0) ? "down" : values.includes(1) ? "up" : "unknown";
  }

  /**
   * Several links that are one line of the drawing.
   * @param {string[]} links
   * @returns {LinkState}
   */
  links(links) {
    const states = new Set(links.map((link) => this.link(link)));
    if (states.has("down")) return states.size > 1 ? "partly" : "down";
    return states.has("unknown") ? "unknown" : states.has("up") ? "up" : "unwatched";
  }

  /**
   * The points that tell whether links are up.
   * @param {string[]} links
   */
  pointsOf(links) {
    return links.flatMap((link) => this.#links.get(link) ?? []);
  }

  /**
   * The highest utilization of any of them in either direction, %; NaN where none is known.
   * @param {string[]} links
   */
  load(links) {
    const values = links.flatMap((link) => this.#loads.get(link) ?? []).map((point) => this.value(point));
    const known = values.filter((value) => !Number.isNaN(value));
    return known.length ? Math.max(...known) : NaN;
  }

  /**
   * @param {string} node
   * @returns {NodeState}
   */
  node(node) {
    const site = this.#sites.get(node);
    if (site === undefined) return "unwatched";
    const status = this.#live.state === "live" ? this.#live.sites.get(site) : undefined;
    if (status?.link !== "up") return "unknown";
    return status.devices_down.includes(node) ? "silent" : "answers";
  }

  /** The own nodes that are watched. */
  get nodes() {
    return [...this.#sites.keys()].filter(this.#isOwn);
  }

  /**
   * Everything that is known not to be as designed, the gravest first. Of a link, what its ends say is one thing.
   * @returns {Difference[]}
   */
  differences() {
    /** @type {Map<string, Difference>} */
    const found = new Map();
    for (const node of this.nodes) if (this.node(node) === "silent") found.set(`silent ${node}`, { what: "silent", node, points: [], count: 0 });
    for (const point of this.watched) {
      const isDrift = point.measure === "drift";
      if (!isDrift && !WRONG_AT_ZERO.includes(point.measure)) continue;
      const value = this.value(point);
      if (isDrift ? !(value > 0) : value !== 0) continue;
      const key = point.measure === "link" && point.link ? `link ${point.link}` : `${point.id}`;
      const before = found.get(key);
      if (before) before.points.push(point);
      else found.set(key, { what: point.measure, node: point.node, points: [point], count: isDrift ? value : 0 });
    }
    return [...found.values()].sort((one, other) => ORDER.indexOf(one.what) - ORDER.indexOf(other.what));
  }
}
