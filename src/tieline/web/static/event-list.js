/**
 * The newest events, newest first.
 * @module
 */

import { make } from "./dom.js";
import { formatDate, formatTime } from "./format.js";

const SIGNS = { info: "·", warning: "!", error: "‼" };

/**
 * @param {import("./live.js").Live} live
 * @param {{site?: string, limit?: number}} [options]
 */
export function makeEventList(live, { site, limit = 60 } = {}) {
  const body = make("tbody");
  const empty = make("p", { class: "empty" }, "Nothing has happened since the start.");
  const head = make(
    "tr",
    {},
    ...["Time", "Site", "Device", "Event"].map((title) => make("th", { scope: "col" }, title)),
  );
  const table = make("table", { class: "events" }, make("thead", {}, head), body);
  const element = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Newest events" }, table, empty);
  live.listen((changes) => {
    if (!changes.events) return;
    const shown = live.events.filter((event) => !site || event.site === site).slice(0, limit);
    const today = formatDate(live.now());
    empty.hidden = shown.length > 0;
    body.replaceChildren(...shown.map((event) => makeRow(event, today)));
  });
  return element;
}

/**
 * @param {import("./types.js").LiveEvent} event
 * @param {string} today
 */
function makeRow(event, today) {
  const date = formatDate(event.time);
  const time = formatTime(event.time);
  return make(
    "tr",
    { "data-severity": event.severity, "data-kind": event.kind },
    make("td", { class: "time" }, date === today ? time : `${date.slice(5)} ${time}`),
    make("td", {}, event.site),
    make("td", { class: "device-name" }, event.device || "–"),
    make("td", {}, make("i", { class: "severity", title: event.severity }, SIGNS[event.severity]), event.text),
  );
}
