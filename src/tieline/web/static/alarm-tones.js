/**
 * What each priority sounds like: how high, how often, how soon again. The more urgent, the higher, faster and more often
 * (in the manner of IEC 60601-1-8: bursts of pulses, told apart by rhythm as well as by pitch).
 * @module
 */

/** @typedef {{start: number, length: number, hertz: number}} Tone in seconds from the beginning of the burst */

/** @type {Record<number, {pulses: number[], spacing: number, length: number, again: number}>} */
const PATTERNS = {
  1: { pulses: [988, 784, 988, 784, 988], spacing: 0.16, length: 0.12, again: 3 },
  2: { pulses: [784, 784, 622], spacing: 0.24, length: 0.18, again: 6 },
  3: { pulses: [622, 523], spacing: 0.34, length: 0.26, again: 15 },
  4: { pulses: [440], spacing: 0.5, length: 0.4, again: 0 },
};

/**
 * The burst of a priority.
 * @param {number} priority 1 to 4
 * @returns {Tone[]}
 */
export function tonesOf(priority) {
  const { pulses, spacing, length } = PATTERNS[priority];
  return pulses.map((hertz, index) => ({ start: index * spacing, length, hertz }));
}

/**
 * After how many seconds the burst comes again; 0 for never.
 * @param {number} priority
 */
export function repeatOf(priority) {
  return PATTERNS[priority].again;
}

/**
 * What is due: nothing, or the priority whose burst is to be played now.
 *
 * An alarm that was not there before sounds at once and ends a silence. The highest priority that is not acknowledged sounds again
 * and again until it is acknowledged or silenced.
 */
export class Siren {
  /** @type {Set<string>} */ #known = new Set();
  #isSilenced = false;
  #isFirst = true;
  #priority = 0;
  #next = Infinity;

  get isSounding() {
    return this.#priority > 0 && !this.#isSilenced;
  }

  /**
   * @param {{id: string, raised: string | null, priority: number}[]} first the unacknowledged alarms that come first
   * @param {number} total how many there are
   * @param {number} now seconds
   */
  hear(first, total, now) {
    const keys = first.map((alarm) => `${alarm.id} ${alarm.raised}`);
    const isNew = keys.some((key) => !this.#known.has(key));
    // those beyond the first are not named: what has been heard of stays known while anything stands
    this.#known = new Set(total ? [...this.#known, ...keys].slice(-500) : keys);
    this.#priority = first.length ? Math.min(...first.map((alarm) => alarm.priority)) : 0;
    if (!this.#priority) this.#isSilenced = false;
    else if (isNew && !this.#isFirst) {
      this.#isSilenced = false;
      this.#next = now;
    } else if (this.#isFirst) this.#next = now;
    this.#isFirst = false;
  }

  silence() {
    this.#isSilenced = true;
  }

  /**
   * @param {number} now seconds
   * @returns {number} a priority, or 0
   */
  due(now) {
    if (!this.isSounding || now < this.#next) return 0;
    const again = repeatOf(this.#priority);
    this.#next = again ? now + again : Infinity;
    return this.#priority;
  }
}
