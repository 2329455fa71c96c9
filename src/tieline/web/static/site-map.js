/**
 * A map from the sites' coordinates: no tiles, no coastline; where things are, how far apart, what lines join them, whether they are
 * heard, and which alarm is theirs.
 * @module
 */

import { siteAddress } from "./addresses.js";
import { draw, setText } from "./dom.js";
import { placeLabels } from "./map-labels.js";
import { standingOf } from "./site-alarms.js";
import { makePriority } from "./supervision.js";
import { texts } from "./texts/stations.js";

const KM_PER_DEGREE = 111.2;
const MANY = 40;
const LETTER = 7.7;
const SMALL_LETTER = 6.4;
const ALARM = 18;

/** @typedef {{group: SVGElement, line: SVGElement | null, alarm: SVGElement, shown: string}} Mark */

/**
 * @param {import("./types.js").Site[]} sites
 * @param {import("./types.js").Tie[]} ties
 * @param {import("./live.js").Live} live
 */
export function makeSiteMap(sites, ties, live) {
  const placed = sites.filter((site) => site.latitude !== null && site.longitude !== null);
  const isCrowded = placed.length > MANY;
  const size = isCrowded ? 4.5 : 6;
  const svg = draw("svg", { class: "map", role: "group", "aria-label": texts.map, "data-crowded": String(isCrowded) });
  /** @type {Map<string, Mark>} */
  const marks = new Map();
  let urgent = "";

  const paint = () => {
    const { clientWidth: width, clientHeight: height } = svg;
    if (!width || !height) return;
    marks.clear();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    if (!placed.length) {
      svg.append(draw("text", { x: width / 2, y: height / 2, class: "note", "text-anchor": "middle" }, texts.noCoordinates));
      return;
    }
    const project = projection(placed, width, height);
    drawGraticule(svg, project, width, height);
    drawScale(svg, project.pixelsPerKm, width, height);
    const at = new Map(placed.map((site) => [site.name, project.at(/** @type {number} */ (site.latitude), /** @type {number} */ (site.longitude))]));
    for (const tie of ties) {
      const [one, other] = tie.sites.map((name) => at.get(name));
      if (one && other) svg.append(draw("path", { class: "tie", "data-many": String(tie.ways > 1), d: `M${one.x} ${one.y} L${other.x} ${other.y}` }, draw("title", {}, `${tie.voltage_kv} kV`)));
    }
    const labels = placeLabels(
      placed.map((site) => ({
        name: site.name,
        .../** @type {{x: number, y: number}} */ (at.get(site.name)),
        width: site.title.length * (isCrowded ? SMALL_LETTER : LETTER),
        height: isCrowded ? 15 : 32,
        weight: weightOf(live, site),
      })),
      size + 5,
      width,
      height,
    );
    urgent = urgentOf();
    for (const site of [...placed].sort((one, other) => weightOf(live, one) - weightOf(live, other))) {
      const { x, y } = /** @type {{x: number, y: number}} */ (at.get(site.name));
      const shape =
        site.kind === "plant"
          ? draw("path", { class: "place", d: `M0 ${-1.25 * size} L${1.25 * size} 0 L0 ${1.25 * size} L${-1.25 * size} 0 Z` })
          : draw("rect", { class: "place", x: -size, y: -size, width: 2 * size, height: 2 * size });
      const label = labels.get(site.name);
      const line = label && !isCrowded ? draw("text", { class: "second", x: label.x - x, y: label.y - y + 27, "text-anchor": label.anchor }) : null;
      const name = label ? draw("text", { class: "name", x: label.x - x, y: label.y - y + 12, "text-anchor": label.anchor }, site.title) : null;
      const alarm = draw("g", { class: "site-alarm", transform: `translate(${-ALARM - size} ${-ALARM - size + 4})` });
      const link = draw("a", { href: siteAddress(site.name) }, draw("title", {}, site.title), draw("circle", { class: "halo", r: size + 9 }), shape, ...(name ? [name] : []), ...(line ? [line] : []), alarm);
      const group = draw("g", { class: "site", transform: `translate(${x} ${y})`, "data-site": site.name, "data-link": "waiting" }, link);
      marks.set(site.name, { group, line, alarm, shown: "" });
      svg.append(group);
    }
    update();
  };
  const update = () => {
    for (const [name, mark] of marks) {
      const { group, line } = mark;
      const status = live.sites.get(name);
      const link = live.state === "live" ? (status?.link ?? "waiting") : "lost";
      if (group.dataset.link !== link) group.dataset.link = link;
      const devices = status ? status.devices_up + status.devices_down.length : 0;
      if (line) setText(line, link === "up" && status ? texts.devices(status.devices_up, devices) : texts.linkIs(link));
      showAlarm(mark, standingOf(live.supervision, name));
    }
  };
  /** Which sites want attention: their labels go first, so the labels are placed anew when others do. */
  const urgentOf = () => placed.filter((site) => weightOf(live, site) > 0).map((site) => site.name).join();
  new ResizeObserver(paint).observe(svg);
  live.listen((changes) => {
    if (!changes.status && !changes.links && !changes.supervision) return;
    if (isCrowded && urgentOf() !== urgent) paint();
    else update();
  });
  return svg;
}

/**
 * @param {import("./live.js").Live} live
 * @param {import("./types.js").Site} site
 */
function weightOf(live, site) {
  const { priority, isUnacknowledged } = standingOf(live.supervision, site.name);
  const isLost = live.sites.get(site.name)?.link === "lost";
  return (priority ? 6 - priority : 0) + (isUnacknowledged ? 10 : 0) + (isLost ? 5 : 0);
}

/**
 * @param {Mark} mark
 * @param {import("./site-alarms.js").Standing} standing
 */
function showAlarm(mark, { priority, isUnacknowledged, unacknowledged, acknowledged }) {
  const next = `${priority}/${isUnacknowledged}/${unacknowledged}/${acknowledged}`;
  if (mark.shown === next) return;
  mark.shown = next;
  mark.alarm.classList.toggle("unacknowledged", isUnacknowledged);
  mark.alarm.replaceChildren();
  if (!priority) return;
  const symbol = makePriority(priority);
  symbol.setAttribute("width", String(ALARM));
  symbol.setAttribute("height", String(ALARM));
  mark.alarm.append(symbol, draw("title", {}, texts.alarms(unacknowledged, acknowledged)));
}

/**
 * @param {import("./types.js").Site[]} sites
 * @param {number} width
 * @param {number} height
 */
function projection(sites, width, height) {
  const latitudes = sites.map((site) => site.latitude ?? 0);
  const longitudes = sites.map((site) => site.longitude ?? 0);
  const middle = (Math.min(...latitudes) + Math.max(...latitudes)) / 2;
  const center = (Math.min(...longitudes) + Math.max(...longitudes)) / 2;
  const shrink = Math.cos((middle * Math.PI) / 180);
  const tall = Math.max(Math.max(...latitudes) - Math.min(...latitudes), 0.02);
  const wide = Math.max((Math.max(...longitudes) - Math.min(...longitudes)) * shrink, 0.02);
  const isMany = sites.length > MANY;
  const scale = Math.min((height - (isMany ? 70 : 150)) / tall, (width - (isMany ? 90 : 230)) / wide);
  return {
    pixelsPerKm: scale / KM_PER_DEGREE,
    /**
     * @param {number} latitude
     * @param {number} longitude
     */
    at: (latitude, longitude) => ({
      x: width / 2 - 20 + (longitude - center) * shrink * scale,
      y: height / 2 - (latitude - middle) * scale,
    }),
    /** @param {number} x */
    longitude: (x) => center + (x - width / 2 + 20) / (shrink * scale),
    /** @param {number} y */
    latitude: (y) => middle - (y - height / 2) / scale,
  };
}

/**
 * @param {SVGElement} svg
 * @param {ReturnType<typeof projection>} project
 * @param {number} width
 * @param {number} height
 */
function drawGraticule(svg, project, width, height) {
  const tall = niceStep((project.latitude(0) - project.latitude(height)) * (70 / height));
  const wide = niceStep((project.longitude(width) - project.longitude(0)) * (100 / width));
  for (let latitude = Math.ceil(project.latitude(height) / tall) * tall; latitude < project.latitude(0); latitude += tall) {
    const { y } = project.at(latitude, 0);
    svg.append(draw("path", { class: "graticule", d: `M0 ${y} H${width}` }));
    if (y > 30 && y < height - 40) svg.append(draw("text", { class: "degree", x: 8, y: y - 4 }, degrees(latitude, "N", "S", tall)));
  }
  for (let longitude = Math.ceil(project.longitude(0) / wide) * wide; longitude < project.longitude(width); longitude += wide) {
    const { x } = project.at(0, longitude);
    svg.append(draw("path", { class: "graticule", d: `M${x} 0 V${height}` }));
    if (x > 40 && x < width - 60) svg.append(draw("text", { class: "degree", x: x + 4, y: 14 }, degrees(longitude, "E", "W", wide)));
  }
}

/**
 * @param {SVGElement} svg
 * @param {number} pixelsPerKm
 * @param {number} width
 * @param {number} height
 */
function drawScale(svg, pixelsPerKm, width, height) {
  const km = niceStep(90 / pixelsPerKm);
  const length = km * pixelsPerKm;
  const x = width - length - 20;
  const y = height - 18;
  svg.append(
    draw("path", { class: "scale", d: `M${x} ${y - 4} V${y} H${x + length} V${y - 4}` }),
    draw("text", { class: "degree", x: x + length / 2, y: y - 7, "text-anchor": "middle" }, `${km} km`),
  );
}

/** @param {number} rough */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return Number(([1, 2, 5, 10].find((step) => step * power >= rough * 0.999) ?? 10) * power);
}

/**
 * @param {number} angle
 * @param {string} positive
 * @param {string} negative
 * @param {number} step
 */
function degrees(angle, positive, negative, step) {
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return `${Math.abs(angle).toFixed(decimals)}° ${angle < 0 ? negative : positive}`;
}
