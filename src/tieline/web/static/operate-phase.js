/**
 * What a person may do with a point now, and why not: select, execute, cancel, approve, stop. Decided in one place, without a screen.
 * @module
 */

import { texts } from "./texts/operate.js";

/**
 * @typedef {object} Situation
 * @property {string} person who looks; empty where nobody is logged in
 * @property {string} connection of the live feed
 * @property {string} link of the point's site
 * @property {import("./types.js").Writing} writing
 * @property {import("./types.js").Selection | null} selection what holds the point; or what was refused to this person a moment ago
 * @property {import("./types.js").Operation | null} newest the newest command to the point
 * @property {number} leftS until the selection expires
 * @property {boolean} isSending an own request is under way
 */

/**
 * @typedef {object} Phase
 * @property {"none" | "forbidden" | "cut" | "selecting" | "refused" | "held" | "waiting" | "ready" | "elsewhere" | "under_way"} name
 * @property {boolean} canSelect
 * @property {boolean} canExecute
 * @property {boolean} canCancel
 * @property {boolean} canApprove
 * @property {boolean} canStop
 * @property {string} words how it stands, for people
 */

/**
 * @param {Situation} now
 * @returns {Phase}
 */
export function phaseOf(now) {
  const nothing = { canSelect: false, canExecute: false, canCancel: false, canApprove: false, canStop: false };
  const { person, selection, newest, writing } = now;
  const isMine = selection !== null && selection.requester === person;
  const cut = now.connection !== "live" ? texts.cut.server : now.link !== "up" ? texts.cut.site : "";
  const isHeld = selection !== null && !selection.is_refused && now.leftS > 0;
  if (newest && newest.outcome === null) {
    const canStop = writing.may_operate && writing.ramp_per_s !== null && now.connection === "live";
    return { ...nothing, name: "under_way", canStop, words: texts.underWay(newest.requester) };
  }
  if (isHeld && isMine) {
    const canCancel = now.connection === "live";
    if (cut) return { ...nothing, name: "cut", canCancel, words: texts.heldButCut(cut) };
    if (!selection.is_ready) return { ...nothing, name: "waiting", canCancel, words: texts.waiting(selection.reason) };
    return { ...nothing, name: "ready", canExecute: !now.isSending, canCancel, words: texts.ready };
  }
  if (isHeld) {
    const isOpen = selection.verdicts.some((verdict) => verdict.check === "second_person" && verdict.standing === "open");
    const canApprove = isOpen && writing.may_operate && !cut;
    return { ...nothing, name: "elsewhere", canApprove, words: texts.elsewhere(selection.requester) };
  }
  if (!writing.may_operate) return { ...nothing, name: "forbidden", words: texts.forbidden(writing.why_not) };
  if (cut) return { ...nothing, name: "cut", words: texts.cutOff(cut) };
  if (now.isSending) return { ...nothing, name: "selecting", words: texts.selecting };
  if (selection?.is_refused) return { ...nothing, name: "refused", canSelect: true, words: texts.refused };
  return { ...nothing, name: "none", canSelect: true, words: selection === null ? texts.nothingSelected : texts.expired };
}

/**
 * What is wrong with a number before it is sent anywhere; empty where nothing is.
 * @param {string} text what was typed
 * @param {{low: number | null, high: number | null}} limits
 * @param {string} unit
 */
export function problemOf(text, limits, unit) {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) return texts.noValue;
  if (limits.low !== null && value < limits.low) return texts.below(limits.low, unit);
  if (limits.high !== null && value > limits.high) return texts.above(limits.high, unit);
  return "";
}

/**
 * How far a value that is led by steps has come.
 * @param {{from: number, now: number, to: number, perS: number}} ramp
 * @returns {{share: number, leftS: number}} 0 to 1; seconds
 */
export function progressOf({ from, now, to, perS }) {
  const way = to - from;
  const share = way === 0 ? 1 : Math.min(1, Math.max(0, (now - from) / way));
  return { share, leftS: Math.abs(to - now) / perS };
}

/**
 * The verdicts in the order in which they matter: what refuses, what is open, what is worth reading, what is met.
 * @template {{standing: "met" | "refused" | "open" | "noted"}} V
 * @param {readonly V[]} verdicts
 * @returns {V[]}
 */
export function inOrder(verdicts) {
  const rank = ["refused", "open", "noted", "met"];
  return [...verdicts].sort((one, other) => rank.indexOf(one.standing) - rank.indexOf(other.standing));
}
