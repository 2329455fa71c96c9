/**
 * Words of single-line diagrams.
 * @module
 */

export const texts = {
  title: "Single line",
  drawing: "Single-line diagram",
  /** @param {string} name @param {string} position @param {string} state @param {string} why */
  state: (name, position, state, why) => [name, position, state, why].filter(Boolean).join(", "),
  stale: "stale",
  notComputed: "The switching state is not known: the server does not answer",
};
