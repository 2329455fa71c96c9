/**
 * What the browser knows of the live state: newest samples of the points on screen, status of every site, newest events.
 * Listeners hear of changes once per animation frame, with only what changed.
 * @module
 */

import { Connection } from "./connection.js";
import { SNAPSHOT } from "./frames.js";

const MAX_EVENTS = 200;

/**
 * @typedef {object} Changes
 * @property {Set<number>} points whose sample changed
 * @property {boolean} links whether a link or the connection changed its state: everything's staleness may differ
 * @property {boolean} status
 * @property {boolean} events
 * @property {boolean} supervision whether alarms or control have changed
 */

export class Live {
  /** @type {Map<number, import("./types.js").Sample>} */ samples = new Map();
  /** @type {Map<string, import("./types.js").SiteStatus>} */ sites = new Map();
  /** @type {import("./types.js").LiveEvent[]} newest first */ events = [];
  /** @type {import("./connection.js").ConnectionState} */ state = "connecting";
  reason = "";
  viewers = 0;
  /** @type {boolean | null} whether the site reaches the center, on a site's own screen; null where that is not known */
  reachesCenter = null;
  /** @type {import("./types.js").Supervision | null} where alarms and control are; null where the server has none */
  supervision = null;
  /** @type {((changes: Changes) => void)[]} */ #listeners = [];
  /** @type {((frame: import("./frames.js").Frame) => void)[]} */ #frameListeners = [];
  /** @type {Changes} */ #pending = nothing();
  /** @type {Map<object, number[]>} what is wanted, by who wants it */ #wanted = new Map();
  #isSubscribing = false;
  #isAsked = false;
  #serverAhead = 0;
  #connection;

  constructor() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.#connection = new Connection(`${scheme}://${location.host}/live`, {
      frame: (frame) => this.#takeFrame(frame),
      message: (message) => this.#takeMessage(message),
      state: (state, reason) => {
        this.state = state;
        this.reason = reason;
        this.#pending.links = true;
        this.#ask();
      },
    });
  }

  start() {
    this.#connection.start();
  }

  /**
   * The points that the page shows, in place of those that it did.
   * @param {Iterable<number>} points
   */
  subscribe(points) {
    this.#wanted.set(this, [...points]);
    this.#subscribeSoon();
  }

  /**
   * More points, for something that comes and goes on the page: a dialog, a faceplate.
   * @param {Iterable<number>} points
   * @returns {() => void} ends it
   */
  watch(points) {
    const watcher = {};
    this.#wanted.set(watcher, [...points]);
    this.#subscribeSoon();
    return () => {
      if (this.#wanted.delete(watcher)) this.#subscribeSoon();
    };
  }

  /** One message, however many want something at once. */
  #subscribeSoon() {
    if (this.#isSubscribing) return;
    this.#isSubscribing = true;
    queueMicrotask(() => {
      this.#isSubscribing = false;
      this.#connection.subscribe([...new Set([...this.#wanted.values()].flat())]);
    });
  }

  /**
   * Calls back with what changed, at most once per animation frame.
   * @param {(changes: Changes) => void} listener
   */
  listen(listener) {
    this.#listeners.push(listener);
  }

  /**
   * Calls back with every frame as it comes; for trends, which must not miss a value between two paints.
   * @param {(frame: import("./frames.js").Frame) => void} listener
   */
  listenFrames(listener) {
    this.#frameListeners.push(listener);
  }

  /** The server's time now, microseconds; ages are measured by it. */
  now() {
    return Date.now() * 1_000 + this.#serverAhead;
  }

  /**
   * Whether a point's value is not to be trusted for its age: the server or the site is not heard, or its longest silence has passed.
   * @param {Pick<import("./types.js").Point, "id" | "site" | "max_silence_s">} point
   */
  isStale(point) {
    const sample = this.samples.get(point.id);
    if (!sample || this.state !== "live" || this.sites.get(point.site)?.link !== "up") return true;
    return this.now() - sample.time > (1.5 * point.max_silence_s + 5) * 1e6;
  }

  /** @param {import("./frames.js").Frame} frame */
  #takeFrame(frame) {
    this.#serverAhead = frame.now - Date.now() * 1_000;
    if (frame.kind === SNAPSHOT) this.samples.clear();
    for (let row = 0; row < frame.count; row += 1) {
      const point = frame.point[row];
      this.samples.set(point, { time: frame.time[row], value: frame.value[row], quality: frame.quality[row] });
      this.#pending.points.add(point);
    }
    for (const listener of this.#frameListeners) listener(frame);
    this.#ask();
  }

  /** @param {import("./types.js").Message} message */
  #takeMessage(message) {
    if (message.type === "status") {
      this.#serverAhead = message.time - Date.now() * 1_000;
      this.viewers = message.viewers;
      this.reachesCenter = message.reaches_center ?? null;
      for (const status of message.sites) {
        if (this.sites.get(status.site)?.link !== status.link) this.#pending.links = true;
        this.sites.set(status.site, status);
      }
      this.#pending.status = true;
    } else if (message.type === "events") {
      const held = message.is_first ? [] : this.events;
      this.events = [...message.events.reverse(), ...held].slice(0, MAX_EVENTS);
      this.#pending.events = true;
    } else if (message.type === "supervision") {
      this.supervision = message;
      this.#pending.supervision = true;
    }
    this.#ask();
  }

  #ask() {
    if (this.#isAsked) return;
    this.#isAsked = true;
    // a hidden page gets no animation frames; it is painted when it is shown
    requestAnimationFrame(() => this.#tell());
  }

  #tell() {
    const changes = this.#pending;
    this.#pending = nothing();
    this.#isAsked = false;
    for (const listener of this.#listeners) listener(changes);
  }
}

/** @returns {Changes} */
function nothing() {
  return { points: new Set(), links: false, status: false, events: false, supervision: false };
}
