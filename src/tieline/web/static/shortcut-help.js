/**
 * The keys of the frame, and the dialog that lists all keys.
 * @module
 */

import { make } from "./dom.js";
import { addShortcut, allShortcuts, startShortcuts } from "./shortcuts.js";
import { texts } from "./texts/frame.js";

const { title, everywhere, here, close, then, help, go } = texts.shortcuts;

/** Gives what opens the dialog. */
export function startKeys() {
  const body = make("div", { class: "keys" });
  const done = make("button", { type: "button", class: "button" }, close);
  const dialog = make("dialog", { class: "shortcuts", "aria-labelledby": "shortcuts-title" }, make("h2", { id: "shortcuts-title" }, title), body, make("div", { class: "buttons" }, done));
  done.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  const open = () => {
    body.replaceChildren(makeList(everywhere, "everywhere"), makeList(here, "here"));
    dialog.showModal();
  };
  addShortcut("?", help, open, "everywhere");
  for (const link of document.querySelectorAll("#header nav a")) {
    if (link instanceof HTMLAnchorElement && link.dataset.keys) {
      addShortcut(link.dataset.keys, go(link.textContent ?? ""), () => location.assign(link.href), "everywhere");
      link.title = link.dataset.keys;
    }
  }
  startShortcuts();
  return open;
}

/**
 * @param {string} heading
 * @param {"everywhere" | "here"} where
 */
function makeList(heading, where) {
  const found = allShortcuts().filter((shortcut) => shortcut.where === where);
  if (!found.length) return "";
  const rows = found.flatMap(({ keys, words }) => [
    make("dt", {}, ...keys.split(" ").flatMap((key, index) => [...(index ? [` ${then} `] : []), make("kbd", {}, key)])),
    make("dd", {}, words),
  ]);
  return make("section", {}, make("h3", {}, heading), make("dl", {}, ...rows));
}
