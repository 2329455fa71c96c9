/**
 * Search from anywhere: points, stations, alarms and pages by any of their words; Enter opens.
 * @module
 */

import { alarmsAddress, pointAddress, siteAddress } from "./addresses.js";
import { get } from "./api.js";
import { make, setText } from "./dom.js";
import { addShortcut } from "./shortcuts.js";
import { AlarmList } from "./supervision.js";
import { texts } from "./texts/frame.js";

const MOST_OF_A_KIND = 8;
const MOST_POINTS = 24;
const WAIT_MS = 120;

/** @typedef {{kind: keyof typeof texts.search.kinds, name: string, words: string, address: string}} Found */

/**
 * Gives what opens the search.
 * @param {import("./page.js").Context} context
 */
export function startSearch({ sites, local_site: localSite }) {
  const alarms = localSite === null ? new AlarmList() : null;
  const input = make("input", {
    type: "search",
    role: "combobox",
    "aria-label": texts.search.label,
    "aria-expanded": "true",
    "aria-controls": "search-found",
    "aria-autocomplete": "list",
    autocomplete: "off",
    placeholder: texts.search.placeholder,
  });
  const list = make("ul", { id: "search-found", role: "listbox", "aria-label": texts.search.title });
  const status = make("p", { class: "empty", role: "status" });
  const dialog = make("dialog", { class: "search", "aria-label": texts.search.title }, input, list, status);
  document.body.append(dialog);
  /** @type {Found[]} */ let found = [];
  let chosen = 0;
  let timer = 0;
  let looked = "";
  /** @type {AbortController | null} */ let asking = null;

  const show = () => {
    list.replaceChildren(...found.map(makeOption));
    list.hidden = !found.length;
    choose(0);
    setText(status, found.length ? texts.search.found(found.length) : input.value.trim() ? texts.search.nothing : "");
  };
  const choose = (/** @type {number} */ next) => {
    chosen = Math.max(0, Math.min(next, found.length - 1));
    [...list.children].forEach((option, index) => option.setAttribute("aria-selected", String(index === chosen)));
    const option = list.children[chosen];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  };
  const look = async () => {
    asking?.abort();
    asking = new AbortController();
    const { signal } = asking;
    const text = input.value.trim().toLowerCase();
    looked = text;
    const words = text.split(/\s+/).filter(Boolean);
    const fits = (/** @type {string} */ hay) => words.every((word) => hay.toLowerCase().includes(word));
    const near = words.length ? [...findPages(fits), ...findSites(sites, fits), ...findAlarms(alarms, fits)] : [];
    try {
      const points = words.length ? (await get("points", { text, limit: MOST_POINTS }, signal)).points.map(foundPoint) : [];
      found = [...near, ...points];
      show();
    } catch (error) {
      if (signal.aborted) return;
      found = near;
      show();
      setText(status, error instanceof Error ? error.message : String(error));
    }
  };
  const go = () => {
    const one = found[chosen];
    if (one) location.assign(one.address);
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => void look(), WAIT_MS);
  });
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (step) choose(chosen + step);
    else if (event.key === "Enter") {
      clearTimeout(timer);
      if (looked === input.value.trim().toLowerCase() && found.length) go();
      else void look().then(go);
    } else return;
    event.preventDefault();
  });
  list.addEventListener("click", (event) => {
    const option = event.target instanceof Element ? event.target.closest("li") : null;
    if (!option) return;
    choose([...list.children].indexOf(option));
    go();
  });
  dialog.addEventListener("pointerdown", (event) => {
    if (event.target === dialog) dialog.close();
  });
  const open = () => {
    if (dialog.open) return;
    found = [];
    input.value = looked = "";
    show();
    dialog.showModal();
    input.focus();
    alarms?.refresh().catch(() => setText(status, texts.alarms.notHeard));
  };
  addShortcut("/", texts.shortcuts.search, open, "everywhere");
  return open;
}

/**
 * @param {Found} one
 * @param {number} index
 */
function makeOption({ kind, name, words }, index) {
  return make(
    "li",
    { role: "option", id: `search-${index}`, "aria-selected": "false", "data-kind": kind },
    make("span", { class: "kind" }, texts.search.kinds[kind]),
    make("b", {}, name),
    make("span", { class: "words" }, words),
  );
}

/** @param {(hay: string) => boolean} fits */
function findPages(fits) {
  const links = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll("#header nav a")]);
  return links.flatMap((link) => {
    const name = link.textContent ?? "";
    return fits(name) ? [/** @type {Found} */ ({ kind: "page", name, words: "", address: link.href })] : [];
  });
}

/**
 * @param {import("./types.js").Site[]} sites
 * @param {(hay: string) => boolean} fits
 * @returns {Found[]}
 */
function findSites(sites, fits) {
  const near = sites.filter((site) => fits(`${site.name} ${site.title} ${site.kind}`));
  return near.slice(0, MOST_OF_A_KIND).map((site) => ({ kind: "station", name: site.title, words: `${site.name}, ${site.kind}`, address: siteAddress(site.name) }));
}

/**
 * @param {AlarmList | null} alarms
 * @param {(hay: string) => boolean} fits
 * @returns {Found[]}
 */
function findAlarms(alarms, fits) {
  const near = [...(alarms?.alarms.values() ?? [])].filter((alarm) => fits(`${alarm.id} ${alarm.text} ${alarm.equipment}`));
  near.sort((one, other) => one.priority - other.priority);
  return near.slice(0, MOST_OF_A_KIND).map((alarm) => ({ kind: "alarm", name: alarm.text, words: `${alarm.priority} ${alarm.id}`, address: alarmsAddress({ text: alarm.id }) }));
}

/**
 * @param {import("./types.js").Point} point
 * @returns {Found}
 */
function foundPoint(point) {
  return { kind: "point", name: point.path, words: [point.description, point.unit].filter(Boolean).join(", "), address: pointAddress(point.path) };
}
