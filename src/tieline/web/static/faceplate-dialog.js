/**
 * Faceplates over any page: opened by the event `faceplate` on the document, and by every link to a point.
 * Escape gives up what is selected first, and closes the dialog then; the focus goes back to where it came from.
 * @module
 */

import { make, setText } from "./dom.js";
import { Faceplate } from "./faceplate.js";
import { texts } from "./texts/faceplate.js";

const POINT_PAGES = "/point/";

/**
 * @param {import("./live.js").Live} live
 * @param {import("./page.js").Context} context
 */
export function startFaceplates(live, { identity }) {
  /** @type {ReturnType<typeof makeDialog> | null} */
  let dialog = null;
  const open = (/** @type {(number | string)[]} */ points, /** @type {string} */ title) => {
    dialog ??= makeDialog(live, identity);
    dialog.open(points, title);
  };
  document.addEventListener("faceplate", (event) => {
    const { points, title = "" } = /** @type {CustomEvent<{points: (number | string)[], title?: string}>} */ (event).detail;
    if (points.length) open(points, title);
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest(`a[href^="${POINT_PAGES}"]:not(.to-page)`) : null;
    if (!(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    open([link.pathname.slice(POINT_PAGES.length).split("/").map(decodeURIComponent).join("/")], "");
  });
}

/**
 * @param {import("./live.js").Live} live
 * @param {import("./identity.js").Identity} identity
 */
function makeDialog(live, identity) {
  const title = make("h2", { tabindex: "-1", id: "faceplate-title" });
  const path = make("span", { class: "path" });
  const close = make("button", { type: "button", class: "button", "aria-keyshortcuts": "Escape" }, texts.close);
  let isTitled = false;
  const faceplate = new Faceplate(live, identity, (point) => {
    if (!isTitled) setText(title, point.description || point.name);
    setText(path, point.path);
  });
  const dialog = make("dialog", { class: "faceplate-dialog", "aria-labelledby": "faceplate-title" }, make("header", {}, title, path, close), faceplate.element);
  document.body.append(dialog);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || !faceplate.isHolding) return;
    event.preventDefault();
    void faceplate.giveUp();
  });
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog && !faceplate.isHolding) dialog.close();
  });
  dialog.addEventListener("close", () => faceplate.clear());
  return {
    /**
     * @param {(number | string)[]} points
     * @param {string} words
     */
    open(points, words) {
      isTitled = words !== "";
      setText(title, words || texts.loading);
      setText(path, "");
      if (!dialog.open) dialog.showModal();
      title.focus();
      void faceplate.show(points);
    },
  };
}
