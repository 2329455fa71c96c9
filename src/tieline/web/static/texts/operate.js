/**
 * What operating says: the three steps, verdicts, outcomes, and the page of it.
 * @module
 */

export const texts = {
  title: "Operate",
  subtitle: "select, confirm, execute",

  steps: { select: "Select", confirm: "Confirm", outcome: "Outcome" },
  value: "Value",
  reason: "Reason",
  reasonHint: "goes into the record",
  select: "Select",
  execute: "Execute",
  cancel: "Cancel",
  approve: "Approve",
  stop: "Stop",
  /** @param {string} what */
  executeWhat: (what) => `Execute: ${what}`,
  now: "now",
  checks: "What the checks say",

  nothingSelected: "Nothing is selected.",
  selecting: "Asking …",
  refused: "Refused. Nothing is held, nothing was sent.",
  expired: "Not executed in time. Nothing is held any more.",
  cancelled: "Cancelled. Nothing is held, nothing was sent.",
  notCancelled: "The selection could not be given up; it ends by itself.",
  /** @param {number} seconds */
  held: (seconds) => `held for ${Math.ceil(seconds)} s`,
  ready: "Ready to execute.",
  /** @param {string} reason */
  waiting: (reason) => `Not yet: ${reason}.`,
  /** @param {string} person */
  elsewhere: (person) => `Selected by ${person}.`,
  /** @param {string} person */
  underWay: (person) => `Under way, released by ${person}.`,
  /** @param {string} why */
  forbidden: (why) => `You cannot operate this: ${why}.`,
  cut: { server: "there are no live data", site: "its site is not heard" },
  /** @param {string} why */
  cutOff: (why) => `Cannot be operated now: ${why}.`,
  /** @param {string} why */
  heldButCut: (why) => `Cannot be executed now: ${why}. The selection ends by itself.`,
  askedFor: {
    second_person: "A second person has to approve.",
    second_factor: "Needs a second factor.",
  },
  /** @param {string} text */
  interlock: (text) => `Has an interlock: “${text}”.`,
  /**
   * @param {string} point
   * @param {number} seconds
   */
  feedback: (point, seconds) => `${point} has to show it within ${seconds} s.`,

  noValue: "Enter a number.",
  chooseState: "Choose a value.",
  /**
   * @param {number} limit
   * @param {string} unit
   */
  below: (limit, unit) => `Below the lowest value, ${limit} ${unit}`.trim(),
  /**
   * @param {number} limit
   * @param {string} unit
   */
  above: (limit, unit) => `Above the highest value, ${limit} ${unit}`.trim(),
  /**
   * @param {string} low
   * @param {string} high
   * @param {string} unit
   */
  range: (low, high, unit) => `${low} to ${high} ${unit}`.trim(),
  /**
   * @param {number} rate
   * @param {string} unit
   * @param {number} step
   */
  ramp: (rate, unit, step) => `Led there at ${rate} ${unit}/s, a step every ${step} s.`,
  /**
   * @param {string} now
   * @param {string} target
   * @param {number} seconds
   */
  ramping: (now, target, seconds) => `${now} of ${target}, about ${Math.ceil(seconds)} s to go`,
  orders: { open: "open", close: "close", on: "switch on", off: "switch off", restart: "restart" },

  standing: { met: "met", refused: "refused", open: "open", noted: "for information" },
  /** What would make possible what a check refuses. */
  remedies: {
    point: "",
    authority: "Somebody with that role can operate it.",
    second_factor: "Show your second factor below; then it is selected again.",
    value: "Select another value.",
    link: "Wait until the site is heard again.",
    tag: "Its owner or an engineer takes the tag off when the work is done.",
    interlock: "Bring about what it asks for, or wait until its points are known again; then select again.",
    earthing: "Open what would be joined, or wait until the positions are known; then select again.",
    parallel: "Open one of the two ways, or wait until the positions are known; then select again.",
    supply: "",
    second_person: "Another person who may operate it approves on any screen; this screen goes on by itself.",
    selection: "Wait until it is executed, cancelled, or its time is over.",
  },
  factorMissing: "You have no second factor yet; set one up in your account.",
  account: "Your account",

  released: "Released; waiting for its feedback.",
  leading: "Released; it is led to its value step by step.",
  asking: "No answer; asking what became of it.",
  /** @param {string} why */
  notKnown: (why) => `Nobody knows yet what became of it (${why}). Look at the position; the outcome appears here when it is known.`,
  notBegun: "It was not released.",
  nothingExecuted: "Nothing was executed yet.",
  results: { done: "Done", refused: "Refused", failed: "Failed", unknown: "Unknown" },
  resultWords: {
    done: "confirmed by the device and by its feedback",
    refused: "nothing happened",
    failed: "see why, then look at the equipment",
    unknown: "it may have happened or not: look at the equipment",
  },
  /**
   * @param {string} result
   * @param {string} what
   * @param {string} why
   */
  outcome: (result, what, why) => `${result}: ${what}${why ? `. ${why}` : ""}`,
  /**
   * @param {string} time
   * @param {string} person
   * @param {string} approver
   */
  byWhom: (time, person, approver) => `${time}, by ${person}${approver ? `, approved by ${approver}` : ""}`,

  choose: "Choose a point",
  search: "Search",
  searchHint: "name, description, equipment",
  site: "Site",
  everySite: "all sites",
  /**
   * @param {number} shown
   * @param {number} all
   */
  found: (shown, all) => (shown === all ? `${all} points` : `${shown} of ${all} points`),
  nothingFound: "No point fits.",
  nothingChosen: "Choose a point to operate.",
  selections: "Selected now",
  noSelections: "Nothing is selected by anybody.",
  commands: "Newest commands",
  noCommands: "No command was released yet.",
  heads: { time: "Time", point: "Point", order: "Order", person: "By", outcome: "Outcome", left: "Left" },
  resultUnderWay: "under way",
};
