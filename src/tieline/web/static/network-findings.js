/**
 * What the proofs and budgets say about the design: topic by topic, what is wrong first, with the way that shows it.
 * @module
 */

import { networkAddress } from "./addresses.js";
import { get } from "./api.js";
import { make } from "./dom.js";
import { texts } from "./texts/network.js";

const say = texts.findings;
const MOST_NODES = 6;

/** @typedef {import("./types.js").NetworkFinding} NetworkFinding */
/** @typedef {import("./types.js").NetworkFindings} NetworkFindings */

/**
 * The panel, filled as soon as the server has computed everything.
 * @param {Record<string, string>} places where each node stands
 * @param {string} place only what touches it; empty for everything
 */
export function makeFindingsPanel(places, place) {
  const size = make("span");
  const body = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": say.title }, make("p", { class: "empty", role: "status" }, say.pending));
  const element = make("section", { class: "panel network-findings", "data-ready": "false" }, make("h2", {}, say.title, size), body);
  const isHere = (/** @type {string[]} */ nodes) => place === "" || nodes.some((node) => places[node] === place);
  const read = async () => {
    try {
      /** @type {NetworkFindings} */
      const found = await get("network/findings");
      size.textContent = found.size;
      body.replaceChildren(...makeTopics(found));
    } catch (error) {
      body.replaceChildren(make("p", { class: "failure", role: "alert" }, say.failed(error instanceof Error ? error.message : String(error))));
    }
    element.dataset.ready = "true";
  };
  void read();
  return element;

  /** @param {NetworkFindings} found */
  function* makeTopics({ first, losses, stopping, topics }) {
    if (first && isHere(first.nodes)) yield makeSection(say.first, [makeFinding(first)]);
    const ranked = topics.map((topic) => ({ ...topic, here: topic.findings.filter((each) => isHere(each.nodes)) })).sort((one, other) => Number(other.here.length > 0) - Number(one.here.length > 0));
    for (const { here, title, summary, verdict } of ranked.filter((topic) => topic.here.length)) {
      yield makeSection(title, here.map(makeFinding), verdict, summary);
    }
    const worst = losses.filter((loss) => isHere(loss.nodes));
    if (worst.length) yield makeSection(say.losses(stopping), worst.map((loss) => makeFinding({ ...loss, subject: loss.failure, lines: [], verdict: "information" })));
    for (const { title, summary, verdict, findings } of ranked.filter((topic) => !topic.here.length)) {
      yield makeSection(title, [], findings.length ? "ok" : verdict, findings.length ? say.elsewhere(findings.length) : summary);
    }
  }

  /** @param {NetworkFinding} finding */
  function makeFinding({ text, lines, verdict, nodes }) {
    const words = make("span", { class: "text" }, text);
    const sign = makeSign(verdict);
    const ways = nodes.slice(0, MOST_NODES).map((node) => make("a", { href: networkAddress(places[node] ?? "", node), title: say.showNode(node) }, node));
    const more = make("div", { class: "way" }, ...(lines.length ? [make("ol", {}, ...lines.map((line) => make("li", {}, line)))] : []), make("p", { class: "nodes" }, ...ways));
    return make("li", { "data-verdict": verdict }, make("details", {}, make("summary", {}, sign, words), more));
  }
}

/**
 * @param {string} title
 * @param {HTMLLIElement[]} findings
 * @param {NetworkFinding["verdict"]} [verdict]
 * @param {string} [summary]
 */
function makeSection(title, findings, verdict = "information", summary = "") {
  const heading = make("h3", {}, makeSign(findings.length ? "information" : verdict), make("b", {}, title), ...(summary ? [make("span", {}, summary)] : []));
  return make("section", { "data-verdict": verdict }, heading, ...(findings.length ? [make("ul", {}, ...findings)] : []));
}

/** @param {NetworkFinding["verdict"]} verdict */
function makeSign(verdict) {
  return verdict === "information" ? "" : make("span", { class: "sign", role: "img", "aria-label": say.verdicts[verdict] }, say.signs[verdict]);
}
