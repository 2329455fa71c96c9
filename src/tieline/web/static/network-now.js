/**
 * What is not as designed at this moment: one line each, which leads to the node.
 * @module
 */

import { networkAddress } from "./addresses.js";
import { make, setText } from "./dom.js";
import { texts } from "./texts/network.js";

const say = texts.now;

/** @typedef {import("./network-state.js").Difference} Difference */

/**
 * @typedef {object} Line
 * @property {string} node
 * @property {string} what `silent`, or a measure
 * @property {string} words
 * @property {string[]} more what the gateway found, and what to do
 */

/**
 * What is told of differences: what the gateway says about a port stands below what its points say, and once.
 * @param {Difference[]} differences
 * @param {import("./network-drift.js").DriftTexts} drift
 * @returns {Line[]}
 */
export function linesOf(differences, drift) {
  const counts = new Map(differences.filter((one) => one.what === "drift").map((one) => [one.node, one.count]));
  const left = new Map([...counts].map(([node, count]) => [node, drift.of(node, count)]));
  /** @type {Line[]} */
  const lines = [];
  for (const one of differences) {
    if (one.what === "drift") continue;
    const more = one.points.flatMap((point) => {
      const texts = left.get(point.node) ?? [];
      const about = texts.filter((text) => isAbout(text, point));
      left.set(point.node, texts.filter((text) => !about.includes(text)));
      counts.set(point.node, (counts.get(point.node) ?? 0) - about.length);
      return about;
    });
    lines.push({ node: one.node, what: one.what, words: wordsOf(one), more });
  }
  for (const [node, count] of counts) if (count > 0) lines.push({ node, what: "drift", words: say.drift(count), more: left.get(node) ?? [] });
  return lines;
}

/**
 * @param {import("./network-state.js").NetworkState} state
 * @param {Record<string, string>} places where each node stands
 * @param {string} nothing what is said where nothing is watched
 */
export function makeNowPanel(state, places, nothing) {
  const count = make("span");
  const quiet = make("p", { class: "empty", role: "status" });
  const list = make("ul", { class: "differences" });
  const element = make("section", { class: "panel network-now" }, make("h2", {}, say.title, count), quiet, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": say.title }, list));
  let painted = "";
  return {
    element,
    /** @param {Line[]} lines */
    paint(lines) {
      const { nodes } = state;
      const unknown = nodes.filter((node) => state.node(node) === "unknown").length;
      setText(count, lines.length ? String(lines.length) : "");
      setText(quiet, !nodes.length ? nothing : !lines.length ? say.right(nodes.length, unknown) : unknown ? say.unknown(unknown) : "");
      quiet.hidden = quiet.textContent === "";
      const next = lines.map(({ node, words, more }) => [node, words, ...more].join("\n")).join("\n");
      if (next === painted) return;
      painted = next;
      const held = document.activeElement instanceof HTMLElement && list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      list.replaceChildren(...lines.map((line) => makeLine(line, places)));
      if (held !== null) /** @type {HTMLElement | null} */ (list.querySelector(`[href="${CSS.escape(held)}"]`))?.focus();
    },
  };
}

/**
 * @param {string} text of the gateway
 * @param {import("./types.js").WatchedPoint} point
 */
function isAbout(text, { port, measure }) {
  return port === "" ? measure === "firmware" && text.startsWith("runs ") : [`port ${port} `, `at port ${port} `].some((begin) => text.startsWith(begin));
}

/** @param {Difference} difference */
function wordsOf({ what, points }) {
  if (what === "silent") return say.silent;
  const [first] = points;
  const where = points.map((point) => (point.port ? (what === "link" ? `${point.node}/${point.port}` : `port ${point.port}`) : point.name.replace(/^supply-/, ""))).join(", ");
  return say.words[what]?.(where, first?.link ?? "") ?? what;
}

/**
 * @param {Line} line
 * @param {Record<string, string>} places
 */
function makeLine({ node, what, words, more }, places) {
  const link = make("a", { href: networkAddress(places[node] ?? "", node) }, make("b", {}, node), make("span", {}, words));
  return make("li", { "data-what": what }, link, ...(more.length ? [make("ol", {}, ...more.map((each) => make("li", {}, each)))] : []));
}
