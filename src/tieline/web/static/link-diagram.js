/**
 * The way of the measurements: each site, the DMZ, the center; a line that is broken where nothing is heard.
 * @module
 */

import { draw, setText } from "./dom.js";
import { formatAge, formatNumber } from "./format.js";

/** More links than these are not drawn. */
export const MOST_LINKS = 9;

/**
 * @param {import("./types.js").Site[]} sites
 * @param {import("./live.js").Live} live
 */
export function makeLinkDiagram(sites, live) {
  const shown = sites.slice(0, MOST_LINKS);
  const svg = draw("svg", { class: "links", role: "img", "aria-label": "Links from the sites through the DMZ to the center" });
  /** @type {Map<string, {group: SVGElement, flow: SVGElement, note: SVGElement}>} */
  const drawn = new Map();

  const paint = () => {
    const { clientWidth: width, clientHeight: height } = svg;
    if (!width || !height) return;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    drawn.clear();
    const boxWidth = Math.min(170, width * 0.27);
    const center = { x: width - 16 - 84, width: 84 };
    const dmz = { x: center.x - Math.max(24, width * 0.07) - 68, width: 68 };
    const step = Math.min(92, (height - 24) / shown.length);
    const top = (height - step * shown.length) / 2;
    const middle = height / 2;
    svg.append(draw("path", { class: "trunk", d: `M${dmz.x + dmz.width} ${middle} H${center.x}` }));
    shown.forEach((site, index) => {
      const y = top + step * (index + 0.5);
      const bend = dmz.x - 28;
      const entry = middle + (index - (shown.length - 1) / 2) * Math.min(14, 60 / shown.length);
      const flow = draw("text", { class: "flow", x: 16 + boxWidth + 12, y: y - 7 });
      const note = draw("text", { class: "flow", x: 16 + boxWidth + 12, y: y + 17 });
      const group = draw(
        "g",
        { class: "way", "data-link": "waiting" },
        draw("path", { class: "wire", d: `M${16 + boxWidth} ${y} H${bend} L${dmz.x - 8} ${entry} H${dmz.x}` }),
        draw("rect", { class: "box", x: 16, y: y - 17, width: boxWidth, height: 34 }),
        draw("text", { class: "name", x: 28, y: y + 5 }, site.name),
        flow,
        note,
      );
      drawn.set(site.name, { group, flow, note });
      svg.append(group);
    });
    const tall = Math.max(60, Math.min(height - 32, step * shown.length - 26));
    for (const [at, name] of /** @type {[{x: number, width: number}, string][]} */ ([[dmz, "DMZ"], [center, "Center"]])) {
      svg.append(
        draw("rect", { class: "box", x: at.x, y: middle - tall / 2, width: at.width, height: tall }),
        draw("text", { class: "name", x: at.x + at.width / 2, y: middle + 5, "text-anchor": "middle" }, name),
      );
    }
    update();
  };
  const update = () => {
    for (const [name, { group, flow, note }] of drawn) {
      const status = live.sites.get(name);
      const heard = live.state === "live" ? (status?.link ?? "waiting") : "lost";
      const link = heard === "up" && live.reachesCenter === false ? "lost" : heard;
      group.dataset.link = link;
      if (link === "up" && status) {
        setText(flow, `${formatNumber(status.samples_per_s, 0)} samples/s`);
        setText(note, status.spooled_batches ? `${formatNumber(status.spooled_batches, 0)} spooled` : "");
      } else {
        setText(flow, link);
        setText(note, status?.heard ? `heard ${formatAge(live.now() - status.heard)} ago` : "");
      }
    }
  };
  new ResizeObserver(paint).observe(svg);
  setInterval(update, 1_000);
  live.listen((changes) => {
    if (changes.status || changes.links) update();
  });
  return svg;
}
