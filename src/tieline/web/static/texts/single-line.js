/**
 * Words of single-line diagrams.
 * @module
 */

/** @param {string} position */
const inWords = (position) => (position === "bad" ? "in a bad position" : position);

export const texts = {
  title: "Single line",
  drawing: "Single-line diagram; arrow keys move it, plus and minus zoom, 0 shows all of it",
  /** @param {string} name @param {string} position @param {string} state @param {string} why */
  state: (name, position, state, why) => [name, inWords(position), state, why].filter(Boolean).join(", "),
  /** @param {import("../types.js").Alarm} alarm @param {boolean} isWaiting */
  alarm: (alarm, isWaiting) => `alarm of priority ${alarm.priority}, ${isWaiting ? "unacknowledged" : "acknowledged"}: ${alarm.text}`,
  /** @param {number} count */
  moreAlarms: (count) => `${count} more alarms`,
  /** @param {import("../types.js").Tag} tag */
  tag: (tag) => `${tag.kind === "do_not_operate" ? "tagged not to be operated" : "tagged"} by ${tag.owner}: ${tag.reason}`,
  /** @param {string} person */
  selected: (person) => `selected by ${person}`,
  notComputed: "The switching state is not known: the server does not answer",
  none: "the connectivity of this site is not described in the utility folder, so that nothing can be drawn",
  noSite: "there is no such site",
  notLoggedIn: "nobody is logged in any more; log in and open the page again",
  /** @param {number} status */
  failed: (status) => `the server could not draw it (status ${status}); its log says why`,
  unreachable: "the server does not answer",
  closer: "Zoom in",
  wider: "Zoom out",
  all: "All",
  allWords: "Show all of it",
  values: "All values",
  alarms: "Alarms",
  /** @param {number} count */
  elsewhere: (count) => (count === 1 ? "1 alarm that is at no symbol" : `${count} alarms that are at no symbol`),
};
