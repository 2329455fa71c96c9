/**
 * What differs from the design, in the words of the gateways: their events say when a difference begins and when it is over.
 * @module
 */

const BEGUN = "network_drift";
const ENDED = "network_drift_ended";
const ENDS_WITH = ": no more that it ";

/**
 * @typedef {object} DriftEvent
 * @property {number} time microseconds
 * @property {string} site
 * @property {string} device
 * @property {string} kind
 * @property {string} text
 */

export class DriftTexts {
  /** @type {Map<string, DriftEvent>} by time and text: the history and the live feed tell the same ones */ #events = new Map();
  /** @type {Map<string, string[]>} by node, what stands, the newest first */ #standing = new Map();

  /**
   * More events, in any order; others than those of differences are passed over.
   * @param {DriftEvent[]} events
   * @returns {boolean} whether any of them is new
   */
  take(events) {
    const before = this.#events.size;
    for (const event of events) {
      if (event.kind === BEGUN || event.kind === ENDED) this.#events.set(`${event.time} ${event.text}`, event);
    }
    if (this.#events.size === before) return false;
    this.#standing.clear();
    for (const event of [...this.#events.values()].sort((one, other) => one.time - other.time)) this.#apply(event);
    return true;
  }

  /** @param {DriftEvent} event */
  #apply({ site, device, kind, text }) {
    const standing = this.#standing.get(device) ?? [];
    const said = text.replace(`${site}/${device}: `, "");
    if (kind === BEGUN) this.#standing.set(device, [said, ...standing.filter((each) => each !== said)]);
    else {
      const over = text.split(ENDS_WITH).slice(1).join(ENDS_WITH);
      this.#standing.set(device, standing.filter((each) => each !== over && !each.startsWith(`${over}; `)));
    }
  }

  /**
   * What stands at a node, at most as much as its point says that there is.
   * @param {string} node
   * @param {number} count
   */
  of(node, count) {
    return (this.#standing.get(node) ?? []).slice(0, count);
  }
}
