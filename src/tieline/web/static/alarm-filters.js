/**
 * What of the alarms somebody wants to see; it stands in the address.
 * @module
 */

import { make } from "./dom.js";
import { makePriority, PRIORITIES } from "./supervision.js";
import { texts } from "./texts/alarms.js";

const say = texts.filters;
const WAIT_MS = 120;

/**
 * @param {import("./types.js").Site[]} places stations and roles
 * @param {() => void} onChange
 */
export function makeFilters(places, onChange) {
  const query = new URLSearchParams(location.search);
  const choose = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ everything, /** @type {[string, string][]} */ options) => {
    const select = make("select", { "aria-label": label }, make("option", { value: "" }, everything), ...options.map(([value, words]) => make("option", { value }, words)));
    select.value = query.get(name) ?? "";
    if (select.selectedIndex < 0) select.value = "";
    select.addEventListener("change", changed);
    return select;
  };
  const site = choose("site", say.site, say.everySite, places.map((one) => [one.name, one.title]));
  const state = choose("state", say.state, say.everyState, Object.entries(texts.stateFilters));
  const kind = choose("kind", say.kind, say.everyKind, Object.entries(texts.kinds));
  const text = make("input", { type: "search", placeholder: say.text, "aria-label": say.textLabel });
  text.value = query.get("text") ?? "";
  const wanted = new Set((query.get("priority") ?? "").split(",").filter(Boolean).map(Number));
  const priorities = [1, 2, 3, 4].map((priority) => {
    const button = make("button", { type: "button", class: "button priority-filter", "aria-pressed": String(wanted.has(priority)), title: `${say.priority} ${priority}, ${PRIORITIES[priority]}` }, makePriority(priority));
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      changed();
    });
    return button;
  });
  const clear = make("button", { type: "button", class: "button" }, say.clear);
  clear.addEventListener("click", () => {
    for (const field of [site, state, kind, text]) field.value = "";
    for (const button of priorities) button.setAttribute("aria-pressed", "false");
    changed();
  });
  /** @type {number | undefined} */
  let timer;
  text.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(changed, WAIT_MS);
  });

  /** @returns {import("./alarm-order.js").Filter} */
  const filter = () => ({
    site: site.value,
    state: state.value,
    kind: kind.value,
    priorities: new Set(priorities.flatMap((button, index) => (button.getAttribute("aria-pressed") === "true" ? index + 1 : []))),
    words: text.value.toLowerCase().split(/\s+/).filter(Boolean),
  });
  const isEmpty = () => !site.value && !state.value && !kind.value && !text.value.trim() && priorities.every((button) => button.getAttribute("aria-pressed") !== "true");
  function changed() {
    clear.hidden = isEmpty();
    onChange();
  }
  clear.hidden = isEmpty();
  return {
    elements: [site, make("span", { class: "priorities", role: "group", "aria-label": say.priority }, ...priorities), state, kind, text, clear],
    text,
    filter,
    isEmpty,
    /** What the address says of it. */
    query() {
      const { priorities: chosen } = filter();
      const pairs = { site: site.value, priority: [...chosen].join(), state: state.value, kind: kind.value, text: text.value.trim() };
      return Object.fromEntries(Object.entries(pairs).filter(([, value]) => value));
    },
  };
}
