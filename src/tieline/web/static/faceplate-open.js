/**
 * Opens a faceplate from anywhere, without loading what it is made of.
 * @module
 */

/**
 * @param {(number | string)[]} points ids or paths; the first is shown in large
 * @param {string} [title]
 */
export function openFaceplate(points, title = "") {
  document.dispatchEvent(new CustomEvent("faceplate", { detail: { points, title } }));
}
