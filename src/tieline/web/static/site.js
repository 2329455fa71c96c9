/**
 * A site: every value of every device, in as many columns as the screen needs so that nothing scrolls.
 * @module
 */

import { diagramAddress, networkAddress, pointAddress } from "./addresses.js";
import { get, getPointsOf } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatAge, formatNumber } from "./format.js";
import { startPage } from "./page.js";
import { severityOf } from "./quality.js";
import { addShortcut } from "./shortcuts.js";
import { ValueCell } from "./value-cell.js";

const DEVICES_MS = 3_000;
const OWN_DEVICE = "tieline";
/** Nodes of the communications network, which have a page of their own. */
const OF_NETWORK = "snmp";
const AGE_PARTS = 10;
const DENSITIES = [
  { name: "airy", narrowest: 440 },
  { name: "dense", narrowest: 310 },
  { name: "tight", narrowest: 250 },
];

/**
 * @typedef {object} Row
 * @property {ValueCell} cell
 * @property {HTMLElement} element
 * @property {string} text what the filter looks in
 */

void startPage(async (live, sites, { roles, local_site: localSite }) => {
  const name = decodeURIComponent(location.pathname.split("/")[2] ?? "");
  const site = [...sites, ...roles].find((one) => one.name === name);
  if (!site) throw new Error(`there is no site ${JSON.stringify(name)}`);
  const [points, { devices }] = await Promise.all([getPointsOf(name), get("devices", { site: name })]);
  const groups = /** @type {import("./types.js").Device[]} */ (devices).map((device) =>
    makeDevice(device, points.filter((point) => point.device === device.name), {
      canFold: (device.name === OWN_DEVICE && site.kind !== "role") || device.protocol === OF_NETWORK,
      onFold: () => fit(),
    }),
  );
  const hasNetwork = localSite === null && groups.some(({ device }) => device.protocol === OF_NETWORK);
  const rows = groups.flatMap((group) => group.rows);
  const link = make("span", { class: "link", "data-link": "waiting" }, "waiting");
  const flow = make("span", { class: "flow" });
  const found = make("span", { class: "found", role: "status" });
  const filter = make("input", { type: "search", placeholder: "Filter: name, description, unit", "aria-label": "Filter values" });
  const onlyBad = make("input", { type: "checkbox" });
  const grid = make("div", { class: "groups" }, ...groups.map((group) => group.element));
  byId("main").append(
    make("div", { class: "toolbar" }, ...(site.has_single_line ? [make("a", { class: "button", href: diagramAddress(name) }, "Single line")] : []), ...(hasNetwork ? [make("a", { class: "button", href: networkAddress(name) }, "Network")] : []), filter, make("label", {}, onlyBad, "only what is not good"), found, flow, link),
    grid,
  );

  const fit = () => arrange(grid);
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const sample = live.samples.get(row.cell.point.id);
      const isBad = !sample || severityOf(sample.quality) > 0 || live.isStale(row.cell.point);
      row.element.hidden = !words.every((word) => row.text.includes(word)) || (onlyBad.checked && !isBad);
      if (!row.element.hidden) shown += 1;
    }
    const isSearching = words.length > 0 || onlyBad.checked;
    for (const group of groups) group.search(isSearching);
    for (const group of groups) group.element.hidden = group.rows.every((row) => row.element.hidden);
    setText(found, shown === rows.length ? `${rows.length} values` : `${shown} of ${rows.length} values`);
    fit();
  };
  filter.addEventListener("input", apply);
  onlyBad.addEventListener("change", apply);
  addShortcut("f", "filter the values", () => filter.focus());
  grid.addEventListener("keydown", (event) => moveFocus(event, grid));
  new ResizeObserver(fit).observe(grid);
  apply();

  const byPoint = new Map(rows.map((row) => [row.cell.point.id, row]));
  /** @param {Row} row */
  const paintRow = (row) => row.cell.paint(live.samples.get(row.cell.point.id), live.isStale(row.cell.point), live.now());
  live.listen((changes) => {
    if (changes.links) rows.forEach(paintRow);
    for (const point of changes.points) {
      const row = byPoint.get(point);
      if (row) paintRow(row);
    }
    if (changes.links || changes.status) paintStatus();
    if (changes.links && onlyBad.checked) apply();
  });
  const paintStatus = () => {
    const status = live.sites.get(name);
    const state = live.state === "live" ? (status?.link ?? "waiting") : "lost";
    link.dataset.link = state;
    const heard = state === "lost" && status?.heard ? `, heard ${formatAge(live.now() - status.heard)} ago` : "";
    setText(link, `link ${state}${heard}`);
    setText(flow, status && state === "up" ? `${formatNumber(status.samples_per_s, 0)} samples/s, ${status.spooled_batches} spooled` : "");
    for (const group of groups) {
      const isDown = status?.devices_down.includes(group.device.name) ?? false;
      group.setState(state === "up" ? (isDown ? "down" : "up") : "unknown");
    }
  };
  // Ages grow by the second: a part of the rows at a time, so that no frame waits for all of them.
  let turn = 0;
  setInterval(() => {
    for (let row = turn; row < rows.length; row += AGE_PARTS) paintRow(rows[row]);
    turn = (turn + 1) % AGE_PARTS;
    if (turn) return;
    paintStatus();
    if (onlyBad.checked) apply();
  }, 1_000 / AGE_PARTS);
  setInterval(async () => {
    if (document.hidden || live.state !== "live") return;
    try {
      const answer = await get("devices", { site: name });
      for (const device of answer.devices) groups.find((group) => group.device.name === device.name)?.setDevice(device);
    } catch {
      // the banner of the live feed says already that the server is away
    }
  }, DEVICES_MS);
  live.subscribe(points.map((point) => point.id));
  return { title: site.title, subtitle: site.kind === "role" ? `Tieline itself, ${points.length} points` : `${site.kind}, ${site.points} points` };
});

/**
 * A device with its values. One that can fold shows its heading only, until somebody unfolds it or searches.
 * @param {import("./types.js").Device} device
 * @param {import("./types.js").Point[]} points
 * @param {{canFold: boolean, onFold: () => void}} options
 */
function makeDevice(device, points, { canFold, onFold }) {
  const state = make("span", { class: "device-state", "data-state": "unknown" }, "unknown");
  const words = make("span", { class: "device-words" });
  const rows = points.map(makeRow);
  const heading = make("h2", {}, make("span", { class: "device-title" }, device.name), words, state);
  const list = make("ul", {}, ...rows.map((row) => row.element));
  list.style.setProperty("--name", `${Math.min(Math.max(...points.map((point) => point.name.length), 4), 22)}ch`);
  const element = make("section", { class: "device", "data-device": device.name }, heading, list);
  let isFolded = canFold;
  const unfold = make("button", { type: "button", class: "fold" });
  const fold = (/** @type {boolean} */ isHidden) => {
    list.hidden = isHidden;
    unfold.setAttribute("aria-expanded", String(!isHidden));
    setText(unfold, isHidden ? `show ${rows.length} values` : "hide");
  };
  if (canFold) {
    heading.append(unfold);
    unfold.addEventListener("click", () => {
      isFolded = !isFolded;
      fold(isFolded);
      onFold();
    });
    fold(true);
  }
  /** @param {import("./types.js").Device} now */
  const setDevice = (now) => {
    const trip = now.round_trip_ms === null ? "" : ` · ${formatNumber(now.round_trip_ms, 1)} ms`;
    setText(words, now.errors ? `${device.description} · ${formatNumber(now.errors, 0)} errors` : device.description);
    heading.title = `${device.protocol}, ${now.polls ?? 0} polls, ${now.errors ?? 0} errors, ${now.timeouts ?? 0} timeouts${trip}`;
  };
  setDevice(device);
  return {
    device,
    rows,
    element,
    setDevice,
    /** @param {boolean} isOn */
    search(isOn) {
      if (canFold) fold(isFolded && !isOn);
    },
    /** @param {"up" | "down" | "unknown"} next */
    setState(next) {
      state.dataset.state = next;
      setText(state, next);
    },
  };
}

/**
 * @param {import("./types.js").Point} point
 * @returns {Row}
 */
function makeRow(point) {
  const cell = new ValueCell(point);
  const link = make(
    "a",
    { href: pointAddress(point.path), title: [point.path, point.description].filter(Boolean).join(" — ") },
    make("span", { class: "name" }, point.name),
    make("span", { class: "description" }, point.description),
    cell.element,
    cell.unit,
    cell.age,
  );
  const text = `${point.path} ${point.description} ${point.equipment} ${point.unit}`.toLowerCase();
  return { cell, element: make("li", { "data-point": point.path }, link), text };
}

/** In more columns there is no room for descriptions: two letters of one tell nothing. */
const MOST_COLUMNS_WITH_WORDS = 4;

/**
 * Chooses the airiest density in which everything fits, and the fewest columns for it; what fits is measured, not guessed.
 * @param {HTMLElement} grid
 */
function arrange(grid) {
  const width = grid.clientWidth;
  if (!width) return;
  for (const density of DENSITIES) {
    grid.dataset.density = density.name;
    const most = Math.max(1, Math.floor(width / density.narrowest));
    for (let columns = Math.min(3, most); columns <= most; columns += 1) {
      grid.style.setProperty("--columns", String(columns));
      grid.dataset.words = columns > MOST_COLUMNS_WITH_WORDS ? "hidden" : "shown";
      if (grid.scrollWidth <= grid.clientWidth + 1) {
        grid.dataset.scrolls = "false";
        return;
      }
    }
  }
  grid.dataset.scrolls = "true";
}

/**
 * Arrow keys move between values.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} grid
 */
function moveFocus(event, grid) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const links = /** @type {HTMLElement[]} */ ([...grid.querySelectorAll("li:not([hidden]) a")]);
  const next = links[links.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
