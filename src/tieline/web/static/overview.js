/**
 * The overview: where the stations are and how they stand, key figures, the newest events.
 * @module
 */

import { pointAddress } from "./addresses.js";
import { getPointsById } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { makeEventList } from "./event-list.js";
import { formatNumber } from "./format.js";
import { startPage } from "./page.js";
import { severityOf } from "./quality.js";
import { standingOf } from "./site-alarms.js";
import { makeSiteMap } from "./site-map.js";
import { makeSiteTable } from "./site-table.js";
import { texts } from "./texts/overview.js";
import { TrendChart } from "./trend-chart.js";
import { TrendData } from "./trend-data.js";

const CHART_US = 15 * 60e6;
const MOST_TRACES = 10;

void startPage(async (live, sites, { ties }) => {
  const keyPoints = await getPointsById(sites.flatMap((site) => site.key_points));
  const tiles = makeTiles(live, sites, keyPoints);
  const chartHost = make("div", { class: "chart", role: "img", "aria-label": texts.powerLabel });
  const trended = choosePower(sites, keyPoints);
  byId("main").append(
    makePanel("map-panel", texts.map, texts.mapWords, makeSiteMap(sites, ties, live)),
    make("section", { class: "panel tiles", "aria-label": texts.tiles }, ...tiles.elements),
    makePanel("chart-panel", (trended.length === 1 && trended[0].description) || texts.power, texts.powerWords(trended[0]?.unit ?? ""), chartHost, makeLegend(trended, sites)),
    makePanel("sites-panel", texts.stations, texts.stationsWords, makeSiteTable(live, sites, keyPoints, ["devices", "stale"]).element),
    makePanel("events-panel", texts.events, texts.eventsWords, makeEventList(live)),
  );
  const chart = new TrendChart(chartHost, { isSmall: true });
  const data = new TrendData(live, chart);
  data.setPoints(trended);
  void data.follow(CHART_US);
  live.subscribe(keyPoints.keys());
  live.listen(() => tiles.paint());
  setInterval(() => tiles.paint(), 1_000);
  return { title: texts.title };
});

/**
 * One power (or other first key figure) of each site, all in the same unit.
 * @param {import("./types.js").Site[]} sites
 * @param {Map<number, import("./types.js").Point>} points
 */
function choosePower(sites, points) {
  const first = sites.flatMap((site) => points.get(site.key_points[0]) ?? []);
  const unit = first[0]?.unit;
  return first.filter((point) => point.unit === unit).slice(0, MOST_TRACES);
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
    const name = make("a", { href: pointAddress(point.path) }, site?.title ?? point.site);
    return make("li", { "data-trace": String(index + 1) }, make("i"), name);
  });
  return make("ul", { class: "legend" }, ...entries);
}

/**
 * The large figures. Of the plant only what is good and fresh counts.
 * @param {import("./live.js").Live} live
 * @param {import("./types.js").Site[]} sites
 * @param {Map<number, import("./types.js").Point>} points
 */
function makeTiles(live, sites, points) {
  const known = [...points.values()];
  const frequencies = known.filter((point) => point.quantity === "frequency" || point.unit === "Hz");
  const plants = sites.filter((site) => site.kind === "plant").flatMap((site) => {
    const power = site.key_points.map((id) => points.get(id)).find((point) => point?.quantity === "active_power");
    return power ? [power] : [];
  });
  const unit = plants[0]?.unit ?? "MW";
  const produced = plants.filter((point) => point.unit === unit);
  const linked = makeTile(texts.linked);
  const devices = makeTile(texts.devices);
  const good = makeTile(texts.good);
  const alarms = makeTile(texts.alarms);
  const frequency = makeTile(texts.frequency);
  const output = makeTile(texts.plants(unit));
  const all = {
    points: sites.reduce((sum, site) => sum + site.points, 0),
    devices: sites.reduce((sum, site) => sum + site.devices, 0),
  };
  const tiles = [linked, devices, good, alarms, ...(frequencies.length ? [frequency] : []), ...(produced.length ? [output] : [])];

  /** @param {import("./types.js").Point[]} wanted */
  const valuesOf = (wanted) =>
    wanted.flatMap((point) => {
      const sample = live.samples.get(point.id);
      return sample && Number.isFinite(sample.value) && !severityOf(sample.quality) && !live.isStale(point) ? [sample.value] : [];
    });
  const paint = () => {
    const heard = sites
      .flatMap((site) => live.sites.get(site.name) ?? [])
      .filter((status) => status.link === "up" && live.state === "live");
    const up = heard.reduce((sum, status) => sum + status.devices_up, 0);
    const worth = heard.reduce((sum, status) => sum + status.good, 0);
    const standing = sites.map((site) => standingOf(live.supervision, site.name)).reduce((sum, one) => sum + one.unacknowledged + one.acknowledged, 0);
    linked.show(`${heard.length} / ${sites.length}`, heard.length < sites.length);
    devices.show(`${up} / ${all.devices}`, up < all.devices);
    good.show(`${worth} / ${all.points}`, worth < all.points);
    alarms.show(live.supervision?.is_heard ? String(standing) : "–");
    const hertz = valuesOf(frequencies).sort((one, other) => one - other);
    frequency.show(hertz.length ? formatNumber(hertz[Math.floor(hertz.length / 2)], 3) : "–", !hertz.length);
    const powers = valuesOf(produced);
    const sum = formatNumber(powers.reduce((total, power) => total + power, 0), 1);
    output.show(powers.length ? sum : "–", powers.length < produced.length);
  };
  return { elements: tiles.map((tile) => tile.element), paint };
}

/** @param {string} words */
function makeTile(words) {
  const figure = make("b", {}, "–");
  return {
    element: make("div", { class: "tile" }, figure, make("span", {}, words)),
    /**
     * @param {string} text
     * @param {boolean} [isBad] whether something of it is missing
     */
    show(text, isBad = false) {
      setText(figure, text);
      figure.dataset.bad = String(isBad);
    },
  };
}
