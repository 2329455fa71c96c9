/**
 * A device: how it is reached, whether it answers and since when, what was counted, and all its values.
 * @module
 */

import { pointAddress, siteAddress } from "./addresses.js";
import { get } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatMoment, formatNumber, formatRecent, parseMoment } from "./format.js";
import { startPage } from "./page.js";
import { addShortcut } from "./shortcuts.js";
import { texts } from "./texts/faceplate.js";
import { ValueCell } from "./value-cell.js";

const DEVICES_MS = 3_000;
const MOST_EVENTS = 40;
const LOST = "device_lost";
const RESTORED = "device_restored";

/** @typedef {import("./types.js").Device} Device */

void startPage(async (live, sites, { roles }) => {
  const [site, name] = location.pathname.split("/").slice(2).map(decodeURIComponent);
  /** @type {[Device, {address: string, points: Record<string, string>}, {points: import("./types.js").Point[]}]} */
  const [device, details, { points }] = await Promise.all([
    get(`devices/${encodeURIComponent(site)}/${encodeURIComponent(name)}`),
    get(`details/devices/${encodeURIComponent(site)}/${encodeURIComponent(name)}`),
    get("points", { site, device: name, limit: 5_000 }),
  ]);
  const isReal = device.protocol !== "tieline";
  const state = make("span", { class: "device-state", "data-state": "unknown" }, texts.unknownState);
  const since = make("span");
  const counts = Object.fromEntries(["polls", "errors", "timeouts", "reconnects", "round_trip_ms"].map((key) => [key, make("dd", { class: "number" }, "—")]));
  const events = make("ul", { class: "device-events" });
  const filter = make("input", { type: "search", placeholder: texts.filter, "aria-label": texts.filterLabel });
  const found = make("span", { class: "found", role: "status" });
  const rows = points.map((point) => makeRow(point, details.points[point.id] ?? ""));
  const heads = texts.valueHeads;
  const table = make("table", { class: "values" }, make("thead", {}, make("tr", {}, ...Object.entries(heads).map(([key, head]) => make("th", { scope: "col", class: key === "value" || key === "age" ? "right" : "" }, head)))), make("tbody", {}, ...rows.map((row) => row.element)));
  const title = [...sites, ...roles].find((one) => one.name === site)?.title ?? site;
  const facts = make(
    "dl",
    { class: "facts" },
    make("dt", {}, texts.protocol), make("dd", {}, isReal ? device.protocol : texts.notPolled),
    ...(details.address ? [make("dt", {}, texts.address), make("dd", {}, details.address)] : []),
    ...(isReal ? [make("dt", {}, texts.connected), make("dd", {}, state), make("dt", {}, texts.since), make("dd", {}, since)] : []),
  );
  byId("main").append(
    make(
      "div",
      { class: "about" },
      make("section", { class: "panel", "aria-label": texts.deviceTitle }, make("h2", {}, device.description || device.name), facts, make("p", { class: "links" }, make("a", { class: "button", href: siteAddress(site) }, title))),
      ...(isReal ? [make("section", { class: "panel", "aria-label": texts.statistics }, make("h2", {}, texts.statistics), make("dl", { class: "facts" }, make("dt", {}, texts.polls), counts.polls, make("dt", {}, texts.errors), counts.errors, make("dt", {}, texts.timeouts), counts.timeouts, make("dt", {}, texts.reconnects), counts.reconnects, make("dt", {}, texts.roundTrip), counts.round_trip_ms))] : []),
      make("section", { class: "panel events" }, make("h2", {}, texts.events), make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": texts.events }, events)),
    ),
    make("section", { class: "panel" }, make("div", { class: "toolbar" }, filter, found), make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": texts.values }, table)),
  );

  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.element.hidden = !words.every((word) => row.text.includes(word));
      if (!row.element.hidden) shown += 1;
    }
    setText(found, texts.found(shown, rows.length));
  };
  const paintRows = () => {
    for (const { cell } of rows) cell.paint(live.samples.get(cell.point.id), live.isStale(cell.point), live.now());
  };
  const paintState = () => {
    const status = live.state === "live" ? live.sites.get(site) : undefined;
    const isKnown = status?.link === "up";
    const isDown = isKnown && status.devices_down.includes(name);
    state.dataset.state = !isKnown ? "unknown" : isDown ? "down" : "up";
    setText(state, !isKnown ? texts.unknownState : isDown ? texts.down : texts.up);
  };
  const readEvents = async () => {
    /** @type {{events: {time: string, kind: string, severity: string, text: string, device: string}[]}} */
    const answer = await get("events", { site, limit: 1_000 });
    const own = answer.events.filter((event) => event.device === name);
    const turn = own.find((event) => event.kind === LOST || event.kind === RESTORED);
    setText(since, turn ? formatMoment(parseMoment(turn.time)) : texts.sinceUnknown);
    const shown = own.slice(0, MOST_EVENTS);
    events.replaceChildren(...(shown.length ? shown.map((event) => make("li", { "data-severity": event.severity }, make("time", {}, formatRecent(parseMoment(event.time), live.now())), make("span", {}, event.text))) : [make("li", { class: "none" }, texts.noEvents)]));
  };
  const readCounts = (/** @type {Record<string, any>} */ now) => {
    for (const [key, element] of Object.entries(counts)) {
      const value = now[key];
      setText(element, value === null ? "—" : key === "round_trip_ms" ? `${formatNumber(value, 1)} ms` : formatNumber(value, 0));
    }
  };
  const read = async () => {
    try {
      readCounts(await get(`devices/${encodeURIComponent(site)}/${encodeURIComponent(name)}`));
      await readEvents();
    } catch {
      // the banner of the live feed says already that the server is away
    }
  };
  filter.addEventListener("input", apply);
  addShortcut("f", texts.filterLabel, () => filter.focus());
  live.listen((changes) => {
    if (changes.links || changes.points.size) paintRows();
    if (changes.links || changes.status) paintState();
  });
  document.addEventListener("zonechange", () => void readEvents());
  setInterval(() => {
    paintRows();
    paintState();
  }, 1_000);
  setInterval(() => {
    if (!document.hidden && live.state === "live") void read();
  }, DEVICES_MS);
  live.subscribe(points.map((point) => point.id));
  readCounts(device);
  await readEvents();
  apply();
  return { title: `${site}/${name}`, subtitle: device.description };
});

/**
 * @param {import("./types.js").Point} point
 * @param {string} address
 */
function makeRow(point, address) {
  const cell = new ValueCell(point);
  const element = make(
    "tr",
    { "data-point": point.path },
    make("td", { class: "device-name" }, make("a", { href: pointAddress(point.path) }, point.name)),
    make("td", { class: "words" }, point.description),
    make("td", { class: "right" }, cell.element),
    make("td", {}, cell.unit),
    make("td", { class: "right" }, cell.age),
    make("td", { class: "words" }, address),
  );
  return { cell, element, text: `${point.name} ${point.description} ${point.equipment} ${point.unit} ${address}`.toLowerCase() };
}
