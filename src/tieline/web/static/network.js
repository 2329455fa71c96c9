/**
 * The communications network: its plan with what is live in it, what is not as designed, a node with its ports, and what the proofs
 * say about the design. Without a place in the address it shows how the places are joined.
 * @module
 */

import { networkAddress } from "./addresses.js";
import { ApiError, get } from "./api.js";
import { byId, make } from "./dom.js";
import { DriftTexts } from "./network-drift.js";
import { makeFindingsPanel } from "./network-findings.js";
import { makeNodePanel } from "./network-node.js";
import { linesOf, makeNowPanel } from "./network-now.js";
import { NetworkPlan } from "./network-plan.js";
import { NetworkState } from "./network-state.js";
import { startPage } from "./page.js";
import { isShown } from "./single-line-marks.js";
import { DrawingView } from "./single-line-view.js";
import { AlarmList } from "./supervision.js";
import { fetchSvg } from "./svg-document.js";
import { texts } from "./texts/network.js";
import { makeZoom } from "./zoom-buttons.js";

const PAINT_MS = 400;
const AGES_MS = 1_000;
const READABLE = 1.15;
const MOST_PLACES = 10;
const DRIFT_FROM = "-30d";
const MOST_EVENTS = 1_000;
const FAR_END = /^to ([^/]+)\//;

/** @typedef {import("./types.js").Alarm} Alarm */
/** @typedef {import("./types.js").Network} Network */
/** @typedef {import("./types.js").NetworkPlace} NetworkPlace */

void startPage(async (live) => {
  const place = decodeURIComponent(location.pathname.split("/")[2] ?? "");
  const folder = place ? `network/places/${encodeURIComponent(place)}` : "network";
  /** @type {[Network, NetworkPlace | null, SVGSVGElement]} */
  const [whole, here, drawing] = await Promise.all([get("network"), place ? get(folder) : null, fetchSvg(`${folder}/drawing`, texts.noDrawing)]);
  const { nodes: places } = whole;
  const inPlace = new Map(here?.nodes.map((node) => [node.name, node]));
  const state = new NetworkState(live, (here ?? whole).watched, (node) => !here || inPlace.has(node));
  const alarms = new AlarmList(here && whole.places.find((one) => one.name === place)?.is_site ? { site: place } : {});
  const drift = new DriftTexts();
  const now = makeNowPanel(state, places, whole.watched.length ? texts.now.unwatchedHere : texts.now.unwatched);
  const node = makeNodePanel(live, state, places, () => choose("", true));
  const host = make("div", { class: "drawing", role: "region", "aria-label": texts.plan, tabindex: "0" }, drawing);
  const view = new DrawingView(host, drawing);
  const plan = new NetworkPlan(drawing, state, (key) => (here ? inPlace.has(key) || FAR_END.test(key) : whole.places.some((one) => one.name === key)), (key) => {
    const far = FAR_END.exec(key)?.[1];
    if (!here) location.assign(networkAddress(key));
    else if (far) location.assign(networkAddress(places[far], far));
    else choose(key);
  });
  byId("main").append(makeToolbar(whole, place, view), host, make("div", { class: "network-side" }, now.element, node.element, makeFindingsPanel(places, place)));
  if (here) view.read(READABLE);

  /** @type {Map<string, Alarm>} by `site/device/point` */ let byPoint = new Map();
  /** @type {Map<string, Alarm[]>} by node */ let byNode = new Map();
  const watched = new Set(state.nodes);
  const sortAlarms = () => {
    byPoint = new Map();
    byNode = new Map();
    for (const alarm of alarms.alarms.values()) {
      if (!isShown(alarm) || !watched.has(alarm.device)) continue;
      byPoint.set(`${alarm.site}/${alarm.device}/${alarm.point}`, alarm);
      byNode.set(alarm.device, [...(byNode.get(alarm.device) ?? []), alarm]);
    }
  };
  /** @param {import("./types.js").WatchedPoint} point */
  const alarmOf = (point) => byPoint.get(`${point.site}/${point.node}/${point.name}`);

  /** @param {string} key a node of this place, or a place of the overview */
  const tell = (key) => {
    const found = here ? lines.filter((one) => one.node === key) : lines.filter((one) => places[one.node] === key);
    const of = here ? (byNode.get(key) ?? []) : [...byNode].flatMap(([name, each]) => (places[name] === key ? each : []));
    if (!here) return { words: found.length ? texts.differs(found.length) : "", state: "", note: found.length ? texts.differs(found.length) : "", alarms: of };
    const told = state.node(key);
    const links = inPlace.get(key)?.ports.flatMap((port) => port.link || []) ?? [];
    const isAttached = told === "unwatched" && state.links(links) !== "unwatched";
    const link = isAttached ? state.links(links) : "up";
    const power = inPlace.get(key) && darkened.has(key) ? texts.node.noPower : "";
    const note = power || (link === "down" || link === "partly" ? `× ${texts.link(link)}` : "");
    const words = [told === "unwatched" ? texts.link(state.links(links)) : texts.nodes[told], power, ...found.map((one) => one.words)].filter(Boolean).join(", ");
    return { words, state: isAttached && link === "unknown" ? "unknown" : told, note, alarms: of };
  };
  /** @type {import("./network-now.js").Line[]} */ let lines = [];
  /** @type {Set<string>} nodes that are fed by a port without power */ let darkened = new Set();
  const feeds = new Map(here?.nodes.flatMap((one) => one.ports.filter((port) => port.feeds).map((port) => [`${one.name}/${port.name}`, port.feeds])));
  const paint = () => {
    const differences = state.differences();
    lines = linesOf(differences, drift);
    darkened = new Set(differences.filter((one) => one.what === "poe").flatMap((one) => one.points.map((point) => feeds.get(`${point.node}/${point.port}`) ?? "")));
    plan.paint(tell, alarmOf);
    now.paint(lines);
    node.paint();
  };
  /** @type {ReturnType<typeof setTimeout> | undefined} */ let soon;
  const paintSoon = () => {
    soon ??= setTimeout(() => {
      soon = undefined;
      paint();
    }, PAINT_MS);
  };
  /** Where alarms do not answer the banner of every page says so, and the marks stay as they were. */
  const readAlarms = async () => {
    try {
      await alarms.refresh();
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof TypeError)) throw error;
    }
    sortAlarms();
    paintSoon();
  };

  /**
   * @param {string} name empty for none
   * @param {boolean} [isBack] whether the focus goes back to the plan
   */
  function choose(name, isBack = false) {
    const before = new URLSearchParams(location.search).get("node") ?? "";
    plan.choose(name);
    history.replaceState(null, "", networkAddress(place, name));
    const element = plan.of(name);
    if (element) view.reveal(element);
    void node.show(inPlace.get(name) ?? null);
    if (isBack) /** @type {SVGElement | undefined} */ (plan.of(before))?.focus();
  }

  const wanted = new URLSearchParams(location.search).get("node") ?? "";
  choose(inPlace.has(wanted) ? wanted : "");
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && !node.element.hidden && !document.querySelector("dialog[open]")) choose("", true);
  });
  live.listen((changes) => {
    if (changes.supervision) void readAlarms();
    if (changes.events && drift.take(live.events)) paintSoon();
    if (changes.links || changes.status || changes.points.size) paintSoon();
  });
  setInterval(paintSoon, AGES_MS);
  if (live.supervision) void readAlarms();
  if (state.nodes.length) void readDrift(here ? place : "").then((events) => drift.take(events) && paintSoon());
  live.subscribe(state.watched.map((point) => point.id));
  paint();
  return here ? { title: here.title, subtitle: texts.subtitle } : { title: texts.title, subtitle: whole.title };
});

/**
 * The events of differences that there were before the page was opened; none where the historian does not answer.
 * @param {string} site empty for all
 */
async function readDrift(site) {
  const read = async (/** @type {string} */ kind) => {
    /** @type {{events: {time_us: number, site: string, device: string, kind: string, text: string}[]}} */
    const { events } = await get("events/history", { from: DRIFT_FROM, kind, limit: MOST_EVENTS, ...(site && { site }) });
    return events.map(({ time_us, ...event }) => ({ ...event, time: time_us }));
  };
  try {
    return (await Promise.all([read("network_drift"), read("network_drift_ended")])).flat();
  } catch (error) {
    if (error instanceof ApiError || error instanceof TypeError) return [];
    throw error;
  }
}

/**
 * @param {Network} whole
 * @param {string} place
 * @param {DrawingView} view
 */
function makeToolbar(whole, place, view) {
  const to = (/** @type {string} */ name, /** @type {string} */ words) => make("a", { class: "button", href: networkAddress(name), ...(name === place ? { "aria-current": "page" } : {}) }, words);
  const near = whole.places.length <= MOST_PLACES ? whole.places : whole.places.filter((one) => one.name === place);
  return make(
    "div",
    { class: "toolbar" },
    make("nav", { "aria-label": texts.places }, to("", texts.allSites), ...near.map((one) => to(one.name, one.title.split(":", 1)[0] ?? one.name))),
    makeZoom(view, texts),
  );
}
