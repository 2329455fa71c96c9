/**
 * Alarms and control as pages ask for them, and what every page about them shares.
 * @module
 */

import { get } from "./api.js";
import { draw, make } from "./dom.js";
import { send } from "./login/requests.js";

export const PRIORITIES = ["", "critical", "high", "medium", "low"];
const SHAPES = ["", "M1 1H19V19H1Z", "M10 1L19.5 19H0.5Z", "M10 1A9 9 0 1 1 9.99 1Z", "M10 0.5L19.5 10L10 19.5L0.5 10Z"];
const MOST_AT_ONCE = 500;

/**
 * A priority as shape, color and number together.
 * @param {number} priority
 */
export function makePriority(priority) {
  const symbol = draw(
    "svg",
    { class: "priority", viewBox: "0 0 20 20", "data-priority": priority, role: "img", "aria-label": `priority ${priority}, ${PRIORITIES[priority]}` },
    draw("path", { d: SHAPES[priority] }),
    draw("text", { x: 10, y: priority === 2 ? 16.5 : 14.5, "text-anchor": "middle" }, String(priority)),
  );
  return symbol;
}

/** The alarms that are not normal, kept as they change. */
export class AlarmList {
  /** @type {Map<string, import("./types.js").Alarm>} */ alarms = new Map();
  #revision = -1;
  #incarnation = 0;
  #isAsking = false;
  #isAskedAgain = false;
  #only;

  /** @param {Record<string, string>} [only] as `/api/alarms` narrows them down: `site` */
  constructor(only = {}) {
    this.#only = only;
  }

  /**
   * Asks for what has changed. Throws what the server says.
   * @returns {Promise<Set<string> | null>} the ids of what came, went or differs; null where everything may
   */
  async refresh() {
    /** @type {Set<string> | null} */
    let changed = new Set();
    if (this.#isAsking) {
      this.#isAskedAgain = true;
      return changed;
    }
    this.#isAsking = true;
    try {
      do {
        this.#isAskedAgain = false;
        let after = "";
        for (;;) {
          const answer = await get("alarms", { ...this.#only, since: this.#revision, incarnation: this.#incarnation, after });
          if (answer.is_whole) {
            this.alarms.clear();
            changed = null;
          }
          for (const alarm of answer.alarms) {
            changed?.add(alarm.id);
            if (alarm.state === "normal") this.alarms.delete(alarm.id);
            else this.alarms.set(alarm.id, alarm);
          }
          this.#revision = answer.revision;
          this.#incarnation = answer.incarnation;
          after = answer.after;
          if (answer.is_complete) break;
        }
      } while (this.#isAskedAgain);
      return changed;
    } finally {
      this.#isAsking = false;
    }
  }
}

/**
 * Does something with alarms; gives why it was not done with some.
 * @param {string} action
 * @param {string[]} ids
 * @param {{reason?: string, minutes?: number}} [how]
 * @returns {Promise<string[]>}
 */
export async function actOnAlarms(action, ids, how = {}) {
  /** @type {string[]} */
  const refused = [];
  for (let first = 0; first < ids.length; first += MOST_AT_ONCE) {
    const done = await send("POST", `alarms/${action}`, { ids: ids.slice(first, first + MOST_AT_ONCE), ...how });
    for (const [id, why] of Object.entries(done.refused)) refused.push(`${id}: ${why}`);
  }
  return refused;
}

/**
 * A button that says in `failure` what the server says against it.
 * @param {string} text
 * @param {HTMLElement} failure
 * @param {() => Promise<unknown>} action
 * @param {string} [label]
 */
export function makeAction(text, failure, action, label = "") {
  const button = make("button", { type: "button", class: "button", ...(label ? { "aria-label": label } : {}) }, text);
  let isBusy = false;
  button.addEventListener("click", async () => {
    if (isBusy) return;
    isBusy = true;
    button.setAttribute("aria-busy", "true");
    failure.textContent = "";
    try {
      await action();
    } catch (error) {
      failure.textContent = error instanceof Error ? error.message : String(error);
    } finally {
      isBusy = false;
      button.removeAttribute("aria-busy");
    }
  });
  return button;
}
