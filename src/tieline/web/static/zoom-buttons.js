/**
 * The buttons of a drawing that is zoomed, with their keys.
 * @module
 */

import { make } from "./dom.js";
import { addShortcut } from "./shortcuts.js";

/**
 * @param {import("./single-line-view.js").DrawingView} view
 * @param {{wider: string, all: string, allWords: string, closer: string}} texts
 */
export function makeZoom(view, texts) {
  return make(
    "span",
    { class: "zoom" },
    makeButton("−", texts.wider, "-", () => view.zoom(-1)),
    makeButton(texts.all, texts.allWords, "0", () => view.fit()),
    makeButton("+", texts.closer, "+", () => view.zoom(1)),
  );
}

/**
 * @param {string} text
 * @param {string} label
 * @param {string} key
 * @param {() => void} run
 */
function makeButton(text, label, key, run) {
  const button = make("button", { type: "button", class: "button", "aria-label": label, title: `${label} (${key})` }, text);
  button.addEventListener("click", run);
  addShortcut(key, label.toLowerCase(), run);
  return button;
}
