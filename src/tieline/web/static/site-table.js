/**
 * All stations as rows: alarms, link, devices, throughput, quality, key figures.
 * @module
 */

import { alarmsAddress, diagramAddress, pointAddress, siteAddress } from "./addresses.js";
import { draw, make, setText } from "./dom.js";
import { formatAge, formatNumber } from "./format.js";
import { standingOf } from "./site-alarms.js";
import { makePriority } from "./supervision.js";
import { texts } from "./texts/stations.js";
import { ValueCell } from "./value-cell.js";

const MOST_FIGURES = 4;
const NUMBERS = /** @type {const} */ (["devices", "rate", "spool", "good", "questionable", "invalid", "stale"]);

/** @typedef {typeof NUMBERS[number]} Figure a column of numbers */

/**
 * @param {import("./live.js").Live} live
 * @param {import("./types.js").Site[]} sites
 * @param {Map<number, import("./types.js").Point>} points the sites' key points
 * @param {readonly Figure[]} [columns]
 */
export function makeSiteTable(live, sites, points, columns = NUMBERS) {
  const rows = sites.map((site) => makeRow(live, site, points, columns));
  const isNumber = (/** @type {string} */ name) => NUMBERS.some((one) => one === name);
  const head = Object.entries(texts.heads).flatMap(([name, title]) => {
    if (isNumber(name) && !columns.some((one) => one === name)) return [];
    const words = /** @type {Record<string, string>} */ (texts.headWords)[name];
    return make("th", { scope: "col", ...(isNumber(name) ? { class: "right" } : {}), ...(words ? { title: words } : {}) }, title);
  });
  const table = make("table", { class: "sites" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows.map((row) => row.element)));
  const paint = () => {
    for (const row of rows) if (!row.element.hidden) row.paint();
  };
  live.listen(paint);
  setInterval(paint, 1_000);
  return {
    element: make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": texts.title }, table),
    /**
     * Shows some rows only.
     * @param {(site: import("./types.js").Site, wantsAttention: boolean) => boolean} wanted
     * @returns {number} how many are shown
     */
    filter(wanted) {
      let shown = 0;
      for (const row of rows) {
        row.element.hidden = !wanted(row.site, row.wantsAttention());
        if (!row.element.hidden) shown += 1;
      }
      paint();
      return shown;
    },
  };
}

/**
 * A busbar with two bays, which leads to the single-line.
 * @param {import("./types.js").Site} site
 */
function makeDiagramLink(site) {
  const words = texts.singleLine(site.title);
  const sign = draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, draw("path", { d: "M1 3.5H15M5 3.5V14M11 3.5V14" }), draw("path", { class: "filled", d: "M3 6.5H7V10.5H3ZM9 6.5H13V10.5H9Z" }));
  return make("a", { class: "single-line-link", href: diagramAddress(site.name), "aria-label": words, title: words }, sign);
}

/**
 * @param {import("./live.js").Live} live
 * @param {import("./types.js").Site} site
 * @param {Map<number, import("./types.js").Point>} points
 * @param {readonly Figure[]} columns
 */
function makeRow(live, site, points, columns) {
  const link = make("span", { class: "link" });
  const numbers = new Map(columns.map((name) => [name, make("td", { class: "right number" }, "–")]));
  const alarms = make("td", { class: "site-alarms" });
  const cells = site.key_points.slice(0, MOST_FIGURES).flatMap((id) => {
    const point = points.get(id);
    return point ? [new ValueCell(point)] : [];
  });
  const figures = cells.map((cell) =>
    make("a", { class: "figure", href: pointAddress(cell.point.path), title: cell.point.description }, cell.element, cell.unit),
  );
  const name = make("a", { href: siteAddress(site.name) }, site.title);
  const element = make(
    "tr",
    { "data-site": site.name },
    make("th", { scope: "row" }, name, ...(site.has_single_line ? [makeDiagramLink(site)] : []), make("span", { class: "kind" }, site.kind)),
    alarms,
    make("td", {}, link),
    ...numbers.values(),
    make("td", { class: "figures" }, ...figures),
  );
  let shownAlarms = "";
  const paintAlarms = () => {
    const { priority, isUnacknowledged, unacknowledged, acknowledged } = standingOf(live.supervision, site.name);
    const next = [priority, isUnacknowledged, unacknowledged, acknowledged].join();
    if (next === shownAlarms) return;
    shownAlarms = next;
    alarms.classList.toggle("unacknowledged", isUnacknowledged);
    alarms.replaceChildren(
      ...(priority ? [make("a", { href: alarmsAddress({ site: site.name }), title: texts.alarms(unacknowledged, acknowledged) }, makePriority(priority), make("span", { class: "number" }, String(unacknowledged + acknowledged)))] : []),
    );
  };
  const stateOf = () => (live.state === "live" ? (live.sites.get(site.name)?.link ?? "waiting") : live.state === "lost" ? "lost" : "waiting");
  const paint = () => {
    const status = live.sites.get(site.name);
    const state = stateOf();
    const now = live.now();
    element.dataset.link = link.dataset.link = state;
    setText(link, state === "lost" && status?.heard ? texts.lost(formatAge(now - status.heard)) : texts.link[state]);
    paintAlarms();
    if (!status) return;
    const known = status.devices_up + status.devices_down.length;
    const isUp = status.link === "up";
    /** @type {Record<Figure, [string, boolean]>} */
    const shown = {
      devices: [isUp ? `${status.devices_up}/${known}` : `–/${site.devices}`, status.devices_down.length > 0],
      rate: [isUp ? formatNumber(status.samples_per_s, 0) : "–", false],
      spool: [formatNumber(status.spooled_batches, 0), false],
      good: [formatNumber(status.good, 0), false],
      questionable: [formatNumber(status.questionable, 0), status.questionable > 0],
      invalid: [formatNumber(status.invalid, 0), status.invalid > 0],
      stale: [formatNumber(status.stale, 0), status.stale > 0],
    };
    for (const [name, cell] of numbers) {
      setText(cell, shown[name][0]);
      cell.dataset.bad = String(shown[name][1]);
    }
    for (const cell of cells) cell.paint(live.samples.get(cell.point.id), live.isStale(cell.point), now);
  };
  return {
    site,
    element,
    paint,
    wantsAttention() {
      const status = live.sites.get(site.name);
      const bad = status ? status.questionable + status.invalid + status.stale + status.devices_down.length : 1;
      return stateOf() !== "up" || bad > 0 || standingOf(live.supervision, site.name).priority > 0;
    },
  };
}
