/**
 * A node of the network: what it is, what is measured of it, and its ports with their links, neighbors and power.
 * @module
 */

import { alarmsAddress, deviceAddress, networkAddress } from "./addresses.js";
import { getPointsById } from "./api.js";
import { make, setText } from "./dom.js";
import { formatAge, formatNumber } from "./format.js";
import { texts } from "./texts/network.js";
import { ValueCell } from "./value-cell.js";

/** @typedef {import("./types.js").NetworkNode} NetworkNode */
/** @typedef {import("./types.js").NetworkPort} NetworkPort */
/** @typedef {import("./types.js").Point} Point */

const say = texts.node;
const MEASURED = /** @type {const} */ ([["in", "in_percent"], ["out", "out_percent"], ["errors", "errors_per_s"], ["poe", "poe_w"]]);
/** @type {Record<string, (value: number) => string>} what is not shown as a number with its unit */
const WORDS = {
  uptime_s: (value) => formatAge(value * 1e6),
  drift: (value) => formatNumber(value, 0),
  supply: (value) => (value ? say.power : say.noPower),
  firmware: (value) => (value ? say.asDesigned : say.otherFirmware),
};
const WRONG_AT_ZERO = new Set(["supply", "firmware"]);

/**
 * The panel; `close` is called when it is closed by its button.
 * @param {import("./live.js").Live} live
 * @param {import("./network-state.js").NetworkState} state
 * @param {Record<string, string>} places where each node stands
 * @param {() => void} close
 */
export function makeNodePanel(live, state, places, close) {
  const title = make("h2", { tabindex: "-1", id: "node-title" }, say.none);
  const shut = make("button", { type: "button", class: "button", "aria-keyshortcuts": "Escape" }, say.close);
  const status = make("dd", { class: "device-state" });
  const about = make("p", { class: "about" });
  const facts = make("dl", { class: "facts" });
  const links = make("p", { class: "links" });
  const head = make("tr");
  const body = make("tbody");
  const table = make("table", { class: "ports" }, make("thead", {}, head), body);
  const scroll = make("div", { class: "scroll", role: "region", tabindex: "0" }, table);
  const rest = make("p", { class: "empty" });
  const element = make("section", { class: "panel network-node", "aria-labelledby": "node-title" }, make("header", {}, title, links, shut), about, facts, scroll, rest);
  /** @type {ValueCell[]} */ let cells = [];
  /** @type {(() => void)[]} */ let painters = [];
  /** @type {NetworkNode | null} */ let shown = null;
  let hasPower = false;
  shut.addEventListener("click", close);

  const paint = () => {
    if (!shown) return;
    const now = live.now();
    const told = state.node(shown.name);
    status.dataset.state = { answers: "up", silent: "down", unknown: "unknown", unwatched: "unknown" }[told];
    setText(status, texts.nodes[told]);
    for (const cell of cells) cell.paint(live.samples.get(cell.point.id), live.isStale(cell.point), now);
    for (const each of painters) each();
  };

  return {
    element,
    paint,
    /** @param {NetworkNode | null} node */
    async show(node) {
      shown = node;
      element.hidden = node === null;
      if (!node) return;
      const watched = state.watched.filter((point) => point.node === node.name);
      const points = await getPointsById(watched.map((point) => point.id));
      if (shown !== node) return;
      cells = [];
      painters = [];
      setText(title, node.name);
      links.replaceChildren(...(node.is_watched ? [make("a", { class: "button", href: deviceAddress(places[node.name] ?? "", node.name) }, say.device), make("a", { class: "button", href: alarmsAddress({ text: node.name }) }, say.alarms)] : []));
      const { kind, model, rack, description, addresses, firmware } = node;
      setText(about, [`${kind}, ${model}`, rack, description, addresses.join(", "), firmware && say.firmware(firmware)].filter(Boolean).join(" · "));
      facts.replaceChildren(...(node.is_watched ? [makeFact(say.state, status)] : []), ...[...state.of(node.name).values()].flatMap((point) => makeMeasured(point, points.get(point.id))));
      hasPower = watched.some((point) => point.measure.startsWith("poe_") && point.port !== "");
      const ports = node.ports.filter((port) => port.link !== "" || port.feeds !== "");
      const heads = node.is_watched ? /** @type {const} */ (["port", "link", "to", "speed", "in", "out", "errors", ...(hasPower ? /** @type {const} */ (["poe", "act"]) : [])]) : /** @type {const} */ (["port", "to", "speed", "vlans"]);
      const right = new Set(["speed", "in", "out", "errors", "poe"]);
      head.replaceChildren(...heads.map((key) => make("th", { scope: "col", class: right.has(key) ? "right" : "" }, say.heads[key])));
      body.replaceChildren(...ports.map((port) => makeRow(node, port, points)));
      scroll.setAttribute("aria-label", say.portsOf(node.name));
      setText(rest, say.without(node.ports.length - ports.length));
      paint();
    },
    focus: () => title.focus({ preventScroll: true }),
  };

  /**
   * Something that is measured of the node itself.
   * @param {import("./types.js").WatchedPoint} watched
   * @param {Point | undefined} point
   */
  function makeMeasured(watched, point) {
    if (!point) return [];
    const name = [say.measured[watched.measure] ?? point.name, watched.measure === "supply" ? watched.name.replace(/^\D+/, "") : ""].join(" ").trim();
    const words = WORDS[watched.measure];
    if (words) {
      const text = make("span", { class: "number" });
      painters.push(() => {
        const value = state.value(watched);
        setText(text, Number.isNaN(value) ? "—" : words(value));
        text.classList.toggle("wrong", value === 0 && WRONG_AT_ZERO.has(watched.measure));
      });
      return [makeFact(name, make("dd", {}, text))];
    }
    const cell = new ValueCell(point);
    cells.push(cell);
    return [makeFact(name, make("dd", {}, cell.element, " ", cell.unit))];
  }

  /**
   * @param {NetworkNode} node
   * @param {NetworkPort} port
   * @param {Map<number, Point>} points
   */
  function makeRow(node, port, points) {
    const of = state.of(node.name, port.name);
    const name = make("th", { scope: "row", title: [port.mode, port.vlans].filter(Boolean).join(", ") }, port.name);
    const speed = make("td", { class: "right number" }, port.speed_mbps === null ? "" : formatNumber(port.speed_mbps, port.speed_mbps % 1 ? 1 : 0));
    const neighbor = make("small", { class: "wrong", hidden: "" }, say.neighborWrong);
    const to = make("td", {}, makeTo(port.other), neighbor);
    if (!node.is_watched) return make("tr", { "data-port": port.name }, name, to, speed, make("td", { class: "words" }, port.vlans));
    const link = make("span", { class: "device-state" });
    const row = make("tr", { "data-port": port.name }, name, make("td", {}, link), to, speed);
    painters.push(() => {
      const value = state.value(of.get("link"));
      const told = value === 1 ? "up" : value === 0 ? "down" : of.has("link") ? "unknown" : "unwatched";
      link.dataset.state = told;
      setText(link, texts.links[told]);
      neighbor.hidden = state.value(of.get("neighbor")) !== 0;
    });
    for (const [key, measure] of MEASURED.filter(([key]) => hasPower || key !== "poe")) {
      const point = points.get(of.get(measure)?.id ?? -1);
      const cell = point && new ValueCell(point);
      if (cell) cells.push(cell);
      row.append(make("td", { class: `right ${key}` }, ...(cell ? [cell.element] : [])));
    }
    if (hasPower) row.append(make("td", { class: "act" }, ...makePower(node, port, of)));
    return row;
  }

  /** @param {string} other `node/port` */
  function makeTo(other) {
    const node = other.split("/", 1)[0] ?? "";
    return other ? make("a", { href: networkAddress(places[node] ?? "", node) }, other) : "";
  }
}

/**
 * The buttons that lead to the faceplate of a port's power; what it takes to operate it is said there.
 * @param {NetworkNode} node
 * @param {NetworkPort} port
 * @param {ReadonlyMap<string, import("./types.js").WatchedPoint>} of
 */
function makePower(node, port, of) {
  const ids = (/** @type {string[]} */ names) => names.flatMap((name) => of.get(name)?.id ?? []);
  /** @type {[string, string, string[]][]} */
  const kinds = [
    [say.restart(port.feeds), "poe_restart", ["poe_restart", "poe", "poe_w"]],
    [say.switchPower, "poe_switch", ["poe_switch", "poe", "poe_w"]],
  ];
  return kinds.filter(([, first]) => of.has(first)).map(([words, , names]) => {
    const title = say.powerOf(node.name, port.name, port.feeds);
    const button = make("button", { type: "button", class: "button", "aria-haspopup": "dialog", "aria-label": `${words}: ${title}` }, `${words} …`);
    button.addEventListener("click", () => document.dispatchEvent(new CustomEvent("faceplate", { detail: { points: ids(names), title } })));
    return button;
  });
}

/**
 * @param {string} name
 * @param {HTMLElement} what
 */
function makeFact(name, what) {
  return make("div", {}, make("dt", {}, name), what);
}
