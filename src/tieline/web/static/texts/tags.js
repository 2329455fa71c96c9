/**
 * What tags say, on their page and on faceplates.
 * @module
 */

export const texts = {
  title: "Tags",
  /** @param {number} count */
  subtitle: (count) => (count === 1 ? "1 tag hangs" : `${count} tags hang`),
  kinds: { do_not_operate: "Do not operate", information: "Information" },
  kind: "Kind",
  targetHint: "site/device/name of a point, or equipment",
  targetLabel: "Point or equipment",
  reason: "Reason",
  reasonHint: "why, for whoever reads it",
  hang: "Hang on",
  hangTitle: "Hang on a tag",
  remove: "Take off",
  /** @param {string} target */
  removeFrom: (target) => `Take the tag off ${target}`,
  removeReason: "Why it is taken off",
  keep: "Leave it",
  none: "No tag hangs.",
  noneHere: "No tag hangs on this.",
  nothingFits: "No tag fits.",
  filter: "Filter: equipment, point, reason, owner",
  filterLabel: "Filter tags",
  /**
   * @param {string} owner
   * @param {string} time
   */
  byWhom: (owner, time) => `${owner}, ${time}`,
  heads: { kind: "Kind", target: "Hangs on", reason: "Reason", owner: "Owner", placed: "Since", actions: "Actions" },
  sayWhy: "Say why.",
  sayWhere: "Say on what.",
  noRight: "Operators and engineers hang tags on and take them off.",
};
