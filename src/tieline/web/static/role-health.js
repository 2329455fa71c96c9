/**
 * How the roles are, from the points in which they say so themselves; what is wrong is put in words.
 * @module
 */

import { siteAddress, trendAddress } from "./addresses.js";
import { make, setText } from "./dom.js";
import { formatAge, formatNumber } from "./format.js";
import { severityOf } from "./quality.js";
import { texts } from "./texts/links.js";
import { ValueCell } from "./value-cell.js";

/** From where on a value wants attention. */
const LIMITS = /** @type {const} */ ({
  loop_lag_ms: { above: 500 },
  cpu_percent: { above: 90 },
  disk_used_percent: { above: 90 },
  spool_percent: { above: 50 },
  stream_percent: { above: 50 },
  certificate_left_days: { below: 14 },
  clock_offset_ms: { beyond: 1_000 },
});
const GIVEN_UP = ["samples_dropped", "samples_conflated", "events_dropped", "local_dropped"];
const SHOWN = ["link_round_trip_ms", "clock_offset_ms", "loop_lag_ms", "cpu_percent", "memory_mb", "spool_percent", "disk_used_percent", "disk_free_mb", "bus_memory_mb", "bus_restarts", "certificate_left_days", "uptime_s"];
const BACKLOG = ["live_batches", "events_batches", "backfill_batches", "stream_batches"];
const OTHERS = [...BACKLOG, ...GIVEN_UP, "stream_percent"];
export const HEADS = ["role", "link", "wrong", "heard", ...SHOWN.slice(0, 5), "backlog", ...SHOWN.slice(5)];

/** @typedef {import("./types.js").Point} Point */

/** One role: the center, the DMZ, a site's gateway. */
export class RoleRow {
  /** how many things are wrong with it */
  wrong = 0;
  #live;
  #link = make("span", { class: "link" });
  #words = make("td", { class: "wrong" });
  #heard = make("td", { class: "right number" });
  #backlog = make("td", { class: "right number" });
  #uptime = make("span");
  /** @type {Map<string, Point>} */ #points;
  /** @type {Map<string, ValueCell>} */ #cells = new Map();
  element;

  /**
   * @param {import("./live.js").Live} live
   * @param {import("./types.js").Site} site
   * @param {Point[]} points in which it says how it is
   */
  constructor(live, site, points) {
    this.#live = live;
    this.site = site;
    this.#points = new Map(points.filter((point) => SHOWN.includes(point.name) || OTHERS.includes(point.name)).map((point) => [point.name, point]));
    const cells = SHOWN.map((name) => {
      const point = this.#points.get(name);
      if (!point) return make("td", { class: "right number none" }, "–");
      const cell = new ValueCell(point);
      this.#cells.set(name, cell);
      const shown = name === "uptime_s" ? this.#uptime : cell.element;
      return make("td", { class: "right number", "data-name": name }, make("a", { href: trendAddress([point.path], "-24h"), title: point.description }, shown));
    });
    const name = make("a", { href: siteAddress(site.name) }, site.title);
    this.element = make("tr", { "data-role": site.name }, make("th", { scope: "row" }, name), make("td", {}, this.#link), this.#words, this.#heard, ...cells.slice(0, 5), this.#backlog, ...cells.slice(5));
  }

  /** What has to be subscribed to. */
  get ids() {
    return [...this.#points.values()].map((point) => point.id);
  }

  paint() {
    const live = this.#live;
    const now = live.now();
    const status = live.sites.get(this.site.name);
    const link = live.state !== "live" ? "lost" : (status?.link ?? "waiting");
    this.#link.dataset.link = link;
    setText(this.#link, link === "lost" && status?.heard ? `${texts.links.lost} ${formatAge(now - status.heard)}` : texts.links[link]);
    let newest = 0;
    for (const point of this.#points.values()) newest = Math.max(newest, live.samples.get(point.id)?.time ?? 0);
    setText(this.#heard, newest ? formatAge(now - newest) : "—");
    for (const cell of this.#cells.values()) cell.paint(live.samples.get(cell.point.id), live.isStale(cell.point), now);
    const uptime = this.#value("uptime_s");
    setText(this.#uptime, uptime === undefined ? "—" : formatAge(uptime * 1e6));
    const waiting = BACKLOG.flatMap((name) => this.#value(name) ?? []);
    setText(this.#backlog, waiting.length ? formatNumber(waiting.reduce((sum, value) => sum + value, 0), 0) : "—");
    const found = this.#troubles(link, status?.devices_down.length ?? 0);
    this.wrong = found.length;
    this.element.dataset.wrong = String(found.length > 0);
    setText(this.#words, found.join("; "));
    this.#words.title = found.join("; ");
  }

  /**
   * @param {"up" | "lost" | "waiting"} link
   * @param {number} down
   */
  #troubles(link, down) {
    if (link === "lost") return [texts.trouble.lost];
    if (link === "waiting") return [texts.trouble.waiting];
    const found = [];
    if (down) found.push(texts.trouble.devices(down));
    for (const [name, limit] of Object.entries(LIMITS)) {
      const value = this.#value(name);
      const point = this.#points.get(name);
      if (value === undefined || !point) continue;
      const isWrong = "above" in limit ? value > limit.above : "below" in limit ? value < limit.below : Math.abs(value) > limit.beyond;
      const cell = this.#cells.get(name);
      if (cell) cell.element.dataset.wrong = String(isWrong);
      if (isWrong) found.push(texts.trouble.value(texts.columns[name]?.replace(/,.*/, "").toLowerCase() ?? point.description, `${formatNumber(value, 0)} ${point.unit}`));
    }
    for (const name of GIVEN_UP) {
      const value = this.#value(name);
      if (value) found.push(texts.trouble.given(formatNumber(value, 0), name.replaceAll("_", " ").replace(/ (dropped|conflated)$/, "")));
    }
    if ([...this.#cells.values()].some((cell) => cell.point.name === "uptime_s" && this.#live.isStale(cell.point))) found.push(texts.trouble.old);
    return found;
  }

  /**
   * What is known now, and good.
   * @param {string} name
   */
  #value(name) {
    const point = this.#points.get(name);
    const sample = point && this.#live.samples.get(point.id);
    return point && sample?.time && severityOf(sample.quality) < 2 && !this.#live.isStale(point) ? sample.value : undefined;
  }
}
