/**
 * Keys: one, or two in a row like `g a`. Nothing is taken while somebody types, or holds Ctrl, Alt or Meta.
 * @module
 */

const WAIT_MS = 2_000;

/**
 * @typedef {object} Shortcut
 * @property {string} keys as `event.key` says them, with a blank between
 * @property {string} words what it does
 * @property {"everywhere" | "here"} where
 * @property {() => void} run
 */

/** @type {Map<string, Shortcut>} */
const known = new Map();
let before = "";
let pressed = 0;

/**
 * @param {string} keys
 * @param {string} words
 * @param {() => void} run
 * @param {"everywhere" | "here"} [where]
 */
export function addShortcut(keys, words, run, where = "here") {
  known.set(keys, { keys, words, where, run });
}

/** All that there are, in the order in which they came. */
export function allShortcuts() {
  return [...known.values()];
}

export function startShortcuts() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    if (event.key.length > 1 || document.querySelector("dialog[open]")) return;
    const first = performance.now() - pressed < WAIT_MS ? before : "";
    const shortcut = known.get(`${first} ${event.key}`.trim()) ?? known.get(event.key);
    before = shortcut ? "" : event.key;
    pressed = performance.now();
    if (!shortcut) return;
    event.preventDefault();
    shortcut.run();
  });
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  const isField = target instanceof HTMLInputElement && !["checkbox", "radio", "button"].includes(target.type);
  return isField || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable;
}
