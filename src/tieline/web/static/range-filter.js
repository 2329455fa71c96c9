/**
 * Which time a list shows: the last hours or days until now, or any range that somebody writes.
 * @module
 */

import { make } from "./dom.js";
import { texts } from "./texts/ranges.js";

const OWN = "own";

/**
 * @param {URLSearchParams} query of the address: `from`, `to`
 * @param {() => void} onChange
 * @param {string} [usual]
 */
export function makeRange(query, onChange, usual = "-24h") {
  const asked = query.get("from") ?? usual;
  const until = query.get("to") ?? "now";
  const isOwn = until !== "now" || !(asked in texts.choices);
  const choice = make("select", { "aria-label": texts.label }, ...Object.entries(texts.choices).map(([value, words]) => make("option", { value }, words)), make("option", { value: OWN }, texts.own));
  choice.value = isOwn ? OWN : asked;
  const from = make("input", { type: "text", class: "moment", "aria-label": texts.from, placeholder: texts.hint });
  const to = make("input", { type: "text", class: "moment", "aria-label": texts.to, placeholder: texts.hint });
  from.value = asked;
  to.value = until;
  const own = make("span", { class: "own-range" }, from, "–", to);
  own.hidden = !isOwn;
  choice.addEventListener("change", () => {
    own.hidden = choice.value !== OWN;
    if (own.hidden) onChange();
    else from.focus();
  });
  for (const field of [from, to]) field.addEventListener("change", onChange);
  return {
    elements: [choice, own],
    /** As the API and the address write it. */
    query: () => (choice.value === OWN ? { from: from.value.trim() || usual, to: to.value.trim() || "now" } : { from: choice.value, to: "now" }),
  };
}
