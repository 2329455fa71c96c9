/**
 * What is going on in control, read once a page and kept new by the live feed: selections, commands, tags, programs and their runs.
 * @module
 */

import { get } from "./api.js";

const MOST_COMMANDS = 60;
const AGAIN_MS = 200;

/** @typedef {import("./types.js").Control} Control */

export class ControlWatch {
  /** @type {Control | null} null before it is known, and where there is no control */ state = null;
  /** Why it is not known; empty where it is. */
  failure = "";
  /** @type {Set<() => void>} */ #listeners = new Set();
  #seen = "";
  #isAsking = false;
  #isAskedAgain = false;

  /** @param {import("./live.js").Live} live */
  constructor(live) {
    live.listen((changes) => {
      if (!changes.supervision || !live.supervision) return;
      const now = live.supervision.control.join("/");
      if (now === this.#seen) return;
      this.#seen = now;
      void this.refresh();
    });
  }

  /**
   * Calls back after every change.
   * @param {() => void} listener
   * @returns {() => void} ends it
   */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks what is going on now; changes that come meanwhile are asked for once more. */
  async refresh() {
    if (this.#isAsking) {
      this.#isAskedAgain = true;
      return;
    }
    this.#isAsking = true;
    try {
      this.state = await get("control", { limit: MOST_COMMANDS });
      this.failure = "";
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
    for (const listener of this.#listeners) listener();
    setTimeout(() => {
      this.#isAsking = false;
      if (!this.#isAskedAgain) return;
      this.#isAskedAgain = false;
      void this.refresh();
    }, AGAIN_MS);
  }

  /**
   * The selection that holds the point.
   * @param {number} point
   */
  selectionOf(point) {
    return this.state?.selections.find((selection) => selection.point === point) ?? null;
  }

  /**
   * The newest command to the point; its steps, where it is led by steps, are left out.
   * @param {number} point
   */
  newestOf(point) {
    return this.state?.operations.find((operation) => operation.point === point && !isStep(operation)) ?? null;
  }

  /**
   * The tags that hang on the point: on itself, on its equipment, or on another point of that.
   * @param {import("./types.js").Point} point
   * @param {ReadonlySet<string>} beside paths of the points of its equipment
   */
  tagsOn(point, beside) {
    return (this.state?.tags ?? []).filter((tag) => tag.target === point.path || (point.equipment !== "" && tag.target === point.equipment) || beside.has(tag.target));
  }
}

/** @type {WeakMap<import("./live.js").Live, ControlWatch>} */
const watches = new WeakMap();

/**
 * The one of this page.
 * @param {import("./live.js").Live} live
 */
export function watchControl(live) {
  const held = watches.get(live) ?? new ControlWatch(live);
  watches.set(live, held);
  return held;
}

/**
 * Whether a command is one step of another one, which has its id up to the tilde.
 * @param {{id: string}} operation
 */
export function isStep(operation) {
  return operation.id.includes("~");
}
