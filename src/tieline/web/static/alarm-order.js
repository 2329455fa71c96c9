/**
 * Which alarms a person sees, in which order, kept as they change.
 * @module
 */

/** @typedef {import("./types.js").Alarm} Alarm */
/** @typedef {"standing" | "shelved" | "suppressed" | "out"} Tab */

export const TABS = /** @type {Tab[]} */ (["standing", "shelved", "suppressed", "out"]);
const UNACKNOWLEDGED = new Set(["unacknowledged", "latched_unacknowledged", "returned_unacknowledged"]);
/** @type {Record<string, Tab>} */
const HELD_BACK = { shelved: "shelved", suppressed_by_design: "suppressed", out_of_service: "out" };

/** @param {Alarm} alarm */
export const isUnacknowledged = (alarm) => UNACKNOWLEDGED.has(alarm.state);

/**
 * The list in which an alarm stands.
 * @param {Alarm} alarm
 */
const tabOf = (alarm) => HELD_BACK[alarm.state] ?? "standing";

/**
 * What wants attention first: nobody has acknowledged it; priority; the newest.
 * @param {Alarm} one
 * @param {Alarm} other
 */
export function compare(one, other) {
  const first = Number(isUnacknowledged(other)) - Number(isUnacknowledged(one)) || one.priority - other.priority;
  if (first) return first;
  const [mine, theirs] = [one.raised ?? "", other.raised ?? ""];
  if (mine !== theirs) return mine < theirs ? 1 : -1;
  return one.id < other.id ? -1 : Number(one.id > other.id);
}

/**
 * What somebody wants to see; everything where it is empty.
 * @typedef {object} Filter
 * @property {string} site
 * @property {Set<number>} priorities
 * @property {string} state
 * @property {string} kind
 * @property {string[]} words every one has to occur
 */

/**
 * @param {Alarm} alarm
 * @param {Filter} filter
 */
function passes(alarm, filter) {
  if (filter.site && alarm.site !== filter.site) return false;
  if (filter.priorities.size && !filter.priorities.has(alarm.priority)) return false;
  if (filter.kind && alarm.kind !== filter.kind) return false;
  if (filter.state && !isInState(alarm, filter.state)) return false;
  if (!filter.words.length) return true;
  const text = `${alarm.id} ${alarm.text} ${alarm.equipment} ${alarm.area} ${alarm.group}`.toLowerCase();
  return filter.words.every((word) => text.includes(word));
}

/**
 * @param {Alarm} alarm
 * @param {string} state one of the states, `any_unacknowledged`, or a mark like `first_out`
 */
function isInState(alarm, state) {
  if (state === "any_unacknowledged") return isUnacknowledged(alarm);
  if (state === "first_out") return alarm.is_first_out;
  if (state === "chattering") return alarm.is_chattering;
  if (state === "stale") return alarm.is_stale;
  return alarm.state === state;
}

/** The alarms of one tab that pass a filter, in order, without sorting all of them when some change. */
export class OrderedAlarms {
  /** @type {Alarm[]} */ shown = [];
  /** how many there are in each tab, and of those standing how many nobody has acknowledged */
  counts = { standing: 0, shelved: 0, suppressed: 0, out: 0, unacknowledged: 0 };
  /** @type {Tab} */ #tab = "standing";
  /** @type {Filter} */ #filter = { site: "", priorities: new Set(), state: "", kind: "", words: [] };

  /**
   * @param {Tab} tab
   * @param {Filter} filter
   * @param {Map<string, Alarm>} alarms
   */
  choose(tab, filter, alarms) {
    this.#tab = tab;
    this.#filter = filter;
    this.shown = [...alarms.values()].filter((alarm) => this.#isShown(alarm)).sort(compare);
    this.#count(alarms);
  }

  /**
   * @param {Set<string> | null} changed ids of what came, went or differs; null for everything
   * @param {Map<string, Alarm>} alarms
   */
  update(changed, alarms) {
    if (changed === null) {
      this.choose(this.#tab, this.#filter, alarms);
      return;
    }
    const kept = this.shown.filter((alarm) => !changed.has(alarm.id));
    const fresh = [...changed].flatMap((id) => alarms.get(id) ?? []).filter((alarm) => this.#isShown(alarm));
    this.shown = merge(kept, fresh.sort(compare));
    this.#count(alarms);
  }

  /** @param {Alarm} alarm */
  #isShown(alarm) {
    return tabOf(alarm) === this.#tab && passes(alarm, this.#filter);
  }

  /** @param {Map<string, Alarm>} alarms */
  #count(alarms) {
    const counts = { standing: 0, shelved: 0, suppressed: 0, out: 0, unacknowledged: 0 };
    for (const alarm of alarms.values()) {
      counts[tabOf(alarm)] += 1;
      if (isUnacknowledged(alarm)) counts.unacknowledged += 1;
    }
    this.counts = counts;
  }
}

/**
 * @param {Alarm[]} one in order
 * @param {Alarm[]} other in order
 */
function merge(one, other) {
  if (!other.length) return one;
  const merged = [];
  let at = 0;
  for (const alarm of other) {
    while (at < one.length && compare(one[at], alarm) <= 0) merged.push(one[at++]);
    merged.push(alarm);
  }
  while (at < one.length) merged.push(one[at++]);
  return merged;
}
