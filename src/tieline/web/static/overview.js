/**
 * The overview: every site with its link, throughput and key figures; the newest events.
 * @module
 */

import { getPoints } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { makeEventList } from "./event-list.js";
import { formatAge, formatNumber } from "./format.js";
import { makeLinkDiagram } from "./link-diagram.js";
import { startPage } from "./page.js";
import { makeSiteMap } from "./site-map.js";
import { TrendChart } from "./trend-chart.js";
import { TrendData } from "./trend-data.js";
import { ValueCell } from "./value-cell.js";

const CHART_US = 15 * 60e6;

void startPage(async (live, sites) => {
  const keyPoints = new Map((await getPoints(sites.flatMap((site) => site.key_points))).map((point) => [point.id, point]));
  const rows = sites.map((site) => makeSiteRow(live, site, keyPoints));
  const tiles = makeTiles(live, sites);
  const chartHost = make("div", { class: "chart", role: "img", "aria-label": "Power of each site over the last 15 minutes" });
  const trended = choosePower(sites, keyPoints);
  byId("main").append(
    makePanel("map-panel", "Sites", "by position; hollow is not heard", makeSiteMap(sites, live)),
    makePanel("links-panel", "Links", "sites dial the DMZ, and so does the center", makeLinkDiagram(sites, live)),
    make("section", { class: "panel tiles", "aria-label": "Key figures" }, ...tiles.elements),
    makePanel(
      "chart-panel",
      trended[0]?.description && trended.length === 1 ? trended[0].description : "Active power",
      `${trended[0]?.unit ?? ""}, last 15 min — min/max kept per pixel`,
      chartHost,
      makeLegend(trended, sites),
    ),
    makePanel("sites-panel", "Measurements", "throughput, quality and key figures", makeSiteTable(rows.map((row) => row.element))),
    makePanel("events-panel", "Events", "newest first, UTC", makeEventList(live)),
  );
  const chart = new TrendChart(chartHost, { isSmall: true });
  const data = new TrendData(live, chart);
  data.setPoints(trended);
  void data.follow(CHART_US);
  live.subscribe(keyPoints.keys());
  const paint = () => {
    tiles.paint();
    for (const row of rows) row.paint();
  };
  live.listen(paint);
  setInterval(paint, 1_000);
  return { title: "Overview" };
});

/**
 * One power (or other first key figure) of each site, all in the same unit.
 * @param {import("./types.js").Site[]} sites
 * @param {Map<number, import("./types.js").Point>} points
 */
function choosePower(sites, points) {
  const first = sites.flatMap((site) => points.get(site.key_points[0]) ?? []);
  const unit = first[0]?.unit;
  return first.filter((point) => point.unit === unit).slice(0, 10);
}

/**
 * @param {string} name
 * @param {string} title
 * @param {string} words
 * @param {...Element} children
 */
function makePanel(name, title, words, ...children) {
  const heading = make("h2", {}, title, make("span", {}, words));
  return make("section", { class: `panel ${name}` }, heading, ...children);
}

/**
 * @param {import("./types.js").Point[]} points
 * @param {import("./types.js").Site[]} sites
 */
function makeLegend(points, sites) {
  const entries = points.map((point, index) => {
    const site = sites.find((one) => one.name === point.site);
    const name = make("a", { href: `/trend?points=${point.path}&from=-1h` }, site?.title ?? point.site);
    return make("li", { "data-trace": String(index + 1) }, make("i"), name);
  });
  return make("ul", { class: "legend" }, ...entries);
}

/** @param {Element[]} rows */
function makeSiteTable(rows) {
  const titles = ["Site", "Link", "Devices", "Samples/s", "Spool", "Good", "?", "×", "Stale", "Key figures"];
  const cells = titles.map((title) => make("th", { scope: "col" }, title));
  for (const cell of cells.slice(2, 9)) cell.className = "right";
  const table = make("table", { class: "sites" }, make("thead", {}, make("tr", {}, ...cells)), make("tbody", {}, ...rows));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Sites" }, table);
}

/**
 * @param {import("./live.js").Live} live
 * @param {import("./types.js").Site} site
 * @param {Map<number, import("./types.js").Point>} points
 */
function makeSiteRow(live, site, points) {
  const link = make("span", { class: "link" });
  const numbers = Array.from({ length: 7 }, () => make("td", { class: "right number" }, "–"));
  const cells = site.key_points.slice(0, 4).flatMap((id) => {
    const point = points.get(id);
    return point ? [new ValueCell(point)] : [];
  });
  const figures = cells.map((cell) =>
    make("a", { class: "figure", href: `/trend?points=${cell.point.path}&from=-1h`, title: cell.point.description }, cell.element, cell.unit),
  );
  const name = make("a", { href: `/site/${site.name}` }, site.title);
  const kind = make("span", { class: "kind" }, site.kind);
  const element = make(
    "tr",
    { "data-site": site.name },
    make("th", { scope: "row" }, name, kind),
    make("td", {}, link),
    ...numbers,
    make("td", { class: "figures" }, ...figures),
  );
  const paint = () => {
    const status = live.sites.get(site.name);
    const state = live.state === "live" ? (status?.link ?? "waiting") : live.state === "lost" ? "lost" : "waiting";
    const now = live.now();
    element.dataset.link = link.dataset.link = state;
    setText(link, state === "lost" && status?.heard ? `lost ${formatAge(now - status.heard)}` : state);
    if (!status) return;
    const known = status.devices_up + status.devices_down.length;
    const texts = [
      status.link === "up" ? `${status.devices_up}/${known}` : `–/${site.devices}`,
      status.link === "up" ? formatNumber(status.samples_per_s, 0) : "–",
      formatNumber(status.spooled_batches, 0),
      ...[status.good, status.questionable, status.invalid, status.stale].map((count) => formatNumber(count, 0)),
    ];
    texts.forEach((text, index) => setText(numbers[index], text));
    numbers[0].dataset.bad = String(status.devices_down.length > 0);
    numbers[4].dataset.bad = String(status.questionable > 0);
    numbers[5].dataset.bad = String(status.invalid > 0);
    numbers[6].dataset.bad = String(status.stale > 0);
    for (const cell of cells) cell.paint(live.samples.get(cell.point.id), live.isStale(cell.point), now);
  };
  return { element, paint };
}

/**
 * The five large figures.
 * @param {import("./live.js").Live} live
 * @param {import("./types.js").Site[]} sites
 */
function makeTiles(live, sites) {
  const makeTile = (/** @type {string} */ words) => {
    const figure = make("b", {}, "–");
    return { figure, element: make("div", { class: "tile" }, figure, make("span", {}, words)) };
  };
  const tiles = ["sites linked", "devices up", "samples/s", "values good", "batches spooled"].map(makeTile);
  const points = sites.reduce((sum, site) => sum + site.points, 0);
  const devices = sites.reduce((sum, site) => sum + site.devices, 0);
  const paint = () => {
    const heard = sites
      .flatMap((site) => live.sites.get(site.name) ?? [])
      .filter((status) => status.link === "up" && live.state === "live");
    /** @param {(status: import("./types.js").SiteStatus) => number} of */
    const sum = (of) => heard.reduce((total, status) => total + of(status), 0);
    const good = heard.reduce((total, status) => total + status.good, 0);
    const up = sum((status) => status.devices_up);
    setText(tiles[0].figure, `${heard.length} / ${sites.length}`);
    setText(tiles[1].figure, `${up} / ${devices}`);
    setText(tiles[2].figure, formatNumber(sum((status) => status.samples_per_s), 0));
    setText(tiles[3].figure, `${good} / ${points}`);
    setText(tiles[4].figure, formatNumber(sum((status) => status.spooled_batches), 0));
    tiles[0].element.dataset.bad = String(heard.length < sites.length);
    tiles[1].element.dataset.bad = String(up < devices);
    tiles[3].element.dataset.bad = String(good < points);
  };
  return { elements: tiles.map((tile) => tile.element), paint };
}
