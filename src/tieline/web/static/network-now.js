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
 * @param {import("./network-state.js").NetworkState} state
 * @param {Record<string, string>} places where each node stands
 * @param {string} nothing what is said where nothing is watched
 * @param {import("./network-drift.js").DriftTexts} drift
 */
export function makeNowPanel(state, places, nothing, drift) {
  const count = make("span");
  const quiet = make("p", { class: "empty", role: "status" });
  const list = make("ul", { class: "differences" });
  const element = make("section", { class: "panel network-now" }, make("h2", {}, say.title, count), quiet, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": say.title }, list));
  let painted = "";
  return {
    element,
    /** @param {Difference[]} found */
    paint(found) {
      const { nodes } = state;
      const unknown = nodes.filter((node) => state.node(node) === "unknown").length;
      setText(count, found.length ? String(found.length) : "");
      setText(quiet, !nodes.length ? nothing : !found.length ? say.right(nodes.length, unknown) : unknown ? say.unknown(unknown) : "");
      quiet.hidden = quiet.textContent === "";
      const lines = found.map((one) => ({ one, words: wordsOf(one), more: one.what === "drift" ? drift.of(one.node, one.count) : [] }));
      const next = lines.map(({ one, words, more }) => [one.node, words, ...more].join("\n")).join("\n");
      if (next === painted) return;
      painted = next;
      const held = document.activeElement instanceof HTMLElement && list.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      list.replaceChildren(...lines.map((line) => makeLine(line, places)));
      if (held !== null) /** @type {HTMLElement | null} */ (list.querySelector(`[href="${CSS.escape(held)}"]`))?.focus();
    },
  };
}

/** @param {Difference} difference */
export function wordsOf({ what, points, count }) {
  if (what === "silent") return say.silent;
  if (what === "drift") return say.drift(count);
  const [first] = points;
  const where = points.map((point) => (point.port ? (what === "link" ? `${point.node}/${point.port}` : `port ${point.port}`) : point.name.replace(/^supply-/, ""))).join(", ");
  return say.words[what]?.(where, first?.link ?? "") ?? what;
}

/**
 * @param {{one: Difference, words: string, more: string[]}} line
 * @param {Record<string, string>} places
 */
function makeLine({ one, words, more }, places) {
  const link = make("a", { href: networkAddress(places[one.node] ?? "", one.node) }, make("b", {}, one.node), make("span", {}, words));
  return make("li", { "data-what": one.what }, link, ...(more.length ? [make("ol", {}, ...more.map((each) => make("li", {}, each)))] : []));
}
