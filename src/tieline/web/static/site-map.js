/**
 * A map from the sites' coordinates: no tiles, no coastline, only where things are, how far apart, and whether they are heard.
 * @module
 */

import { draw, setText } from "./dom.js";

const KM_PER_DEGREE = 111.2;

/**
 * @param {import("./types.js").Site[]} sites
 * @param {import("./live.js").Live} live
 */
export function makeSiteMap(sites, live) {
  const placed = sites.filter((site) => site.latitude !== null && site.longitude !== null);
  const svg = draw("svg", { class: "map", role: "group", "aria-label": "Map of the sites" });
  /** @type {Map<string, {group: SVGElement, line: SVGElement}>} */
  const marks = new Map();

  const paint = () => {
    const { clientWidth: width, clientHeight: height } = svg;
    if (!width || !height) return;
    marks.clear();
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    if (!placed.length) {
      svg.append(draw("text", { x: width / 2, y: height / 2, class: "note", "text-anchor": "middle" }, "No site has coordinates."));
      return;
    }
    const project = projection(placed, width, height);
    drawGraticule(svg, project, width, height);
    drawScale(svg, project.pixelsPerKm, width, height);
    for (const site of placed) {
      const at = project.at(/** @type {number} */ (site.latitude), /** @type {number} */ (site.longitude));
      const line = draw("text", { x: 14, y: 12, class: "second" });
      const shape =
        site.kind === "plant"
          ? draw("path", { class: "place", d: "M0 -7.5 L7.5 0 L0 7.5 L-7.5 0 Z" })
          : draw("rect", { class: "place", x: -6, y: -6, width: 12, height: 12 });
      const isRight = at.x + 14 + 8.2 * site.title.length > width;
      const label = draw("text", { x: isRight ? -14 : 14, y: -3, class: "name" }, site.title);
      if (isRight) {
        line.setAttribute("x", "-14");
        for (const text of [line, label]) text.setAttribute("text-anchor", "end");
      }
      const link = draw("a", { href: `/site/${site.name}` }, draw("circle", { class: "halo", r: 16 }), shape, label, line);
      const group = draw("g", { class: "site", transform: `translate(${at.x} ${at.y})`, "data-link": "waiting" }, link);
      marks.set(site.name, { group, line });
      svg.append(group);
    }
    update();
  };
  const update = () => {
    for (const [name, { group, line }] of marks) {
      const status = live.sites.get(name);
      const link = live.state === "live" ? (status?.link ?? "waiting") : "lost";
      group.dataset.link = link;
      const devices = status ? status.devices_up + status.devices_down.length : 0;
      setText(line, link === "up" && status ? `${status.devices_up}/${devices} devices` : `link ${link}`);
    }
  };
  new ResizeObserver(paint).observe(svg);
  live.listen((changes) => {
    if (changes.status || changes.links) update();
  });
  return svg;
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
  const scale = Math.min((height - 150) / tall, (width - 230) / wide);
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
