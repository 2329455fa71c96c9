/**
 * Words of single-line diagrams.
 * @module
 */

export const texts = {
  title: "Single line",
  drawing: "Single-line diagram",
  /** @param {string} name @param {string} position @param {string} state @param {string} why */
  state: (name, position, state, why) => [name, position, state, why].filter(Boolean).join(", "),
  notComputed: "The switching state is not known: the server does not answer",
  none: "The connectivity of this site is not described, so that nothing can be drawn",
};
