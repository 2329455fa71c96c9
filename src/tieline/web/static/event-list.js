/**
 * The newest events, newest first.
 * @module
 */

import { siteAddress } from "./addresses.js";
import { make } from "./dom.js";
import { formatRecent } from "./format.js";
import { texts } from "./texts/event-list.js";

const SIGNS = { info: "·", warning: "!", error: "‼" };

/**
 * @param {import("./live.js").Live} live
 * @param {{site?: string, limit?: number}} [options]
 */
export function makeEventList(live, { site, limit = 60 } = {}) {
  const body = make("tbody");
  const empty = make("p", { class: "empty" }, texts.nothing);
  const head = make(
    "tr",
    {},
    ...texts.heads.map((title) => make("th", { scope: "col" }, title)),
  );
  const table = make("table", { class: "events" }, make("thead", {}, head), body);
  const element = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": texts.title }, table, empty);
  const paint = () => {
    const shown = live.events.filter((event) => !site || event.site === site).slice(0, limit);
    const now = live.now();
    empty.hidden = shown.length > 0;
    body.replaceChildren(...shown.map((event) => makeRow(event, now)));
  };
  live.listen((changes) => {
    if (changes.events) paint();
  });
  document.addEventListener("zonechange", paint);
  return element;
}

/**
 * @param {import("./types.js").LiveEvent} event
 * @param {number} now
 */
function makeRow(event, now) {
  return make(
    "tr",
    { "data-severity": event.severity, "data-kind": event.kind },
    make("td", { class: "time" }, formatRecent(event.time, now)),
    make("td", {}, make("a", { href: siteAddress(event.site) }, event.site)),
    make("td", { class: "device-name" }, event.device || "–"),
    make("td", { title: event.text }, make("i", { class: "severity", title: event.severity }, SIGNS[event.severity]), event.text),
  );
}
