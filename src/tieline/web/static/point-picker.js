/**
 * A box to find a point by any of its words and pick it; works with the keyboard as a combobox does.
 * @module
 */

import { get } from "./api.js";
import { make } from "./dom.js";

const MAX_FOUND = 30;

/** @param {(point: import("./types.js").Point) => void} onPick */
export function makePointPicker(onPick) {
  const list = make("ul", { id: "picker-list", role: "listbox", "aria-label": "Points found", hidden: "" });
  const input = make("input", {
    type: "search",
    role: "combobox",
    placeholder: "Add a point: name, description, unit",
    "aria-label": "Add a point",
    "aria-expanded": "false",
    "aria-controls": "picker-list",
    "aria-autocomplete": "list",
    autocomplete: "off",
  });
  /** @type {import("./types.js").Point[]} */ let found = [];
  let active = -1;
  let asked = 0;
  let isSearching = false;
  let isPickWanted = false; // Enter came before the answer: what was found for other words must not be picked

  const show = (/** @type {boolean} */ isOpen) => {
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen) input.removeAttribute("aria-activedescendant");
  };
  const activate = (/** @type {number} */ index) => {
    active = found.length ? (index + found.length) % found.length : -1;
    [...list.children].forEach((child, at) => child.setAttribute("aria-selected", String(at === active)));
    const option = list.children[active];
    if (!option) return;
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };
  const pick = (/** @type {number} */ index) => {
    isPickWanted = isSearching;
    const point = found[index];
    if (isSearching || !point) return;
    show(false);
    found = [];
    input.value = "";
    onPick(point);
  };
  const search = async () => {
    const mine = (asked += 1);
    isSearching = true;
    isPickWanted = false;
    try {
      const answer = await get("points", { text: input.value, limit: MAX_FOUND });
      if (mine !== asked) return;
      found = answer.points;
    } catch {
      if (mine !== asked) return;
      found = [];
    }
    isSearching = false;
    list.replaceChildren(
      ...found.map((point, index) => {
        const option = make(
          "li",
          { role: "option", id: `picker-${index}`, "aria-selected": "false" },
          make("b", {}, point.path),
          make("span", {}, [point.description, point.unit].filter(Boolean).join(", ")),
        );
        option.addEventListener("pointerdown", (event) => {
          event.preventDefault();
          pick(index);
        });
        return option;
      }),
    );
    show(found.length > 0 && document.activeElement === input);
    activate(0);
    if (isPickWanted) pick(0);
  };
  input.addEventListener("input", search);
  input.addEventListener("focus", search);
  input.addEventListener("blur", () => show(false));
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") activate(active + 1);
    else if (event.key === "ArrowUp") activate(active - 1);
    else if (event.key === "Enter") pick(active);
    else if (event.key === "Escape") show(false);
    else return;
    event.preventDefault();
  });
  return make("div", { class: "picker" }, input, list);
}
