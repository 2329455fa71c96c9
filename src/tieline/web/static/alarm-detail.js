/**
 * Everything about the alarm at the cursor: what to do, how it stands, what happened to it.
 * @module
 */

import { alarmsAddress, diagramAddress, pointAddress, siteAddress, trendAddress } from "./addresses.js";
import { pathOf } from "./alarm-values.js";
import { get } from "./api.js";
import { make, setText } from "./dom.js";
import { formatExactMoment } from "./exact-time.js";
import { formatNumber, parseMoment } from "./format.js";
import { makePriority } from "./supervision.js";
import { texts } from "./texts/alarms.js";

const say = texts.detail;
const HISTORY_LINES = 2_000;
const SHOWN_LINES = 200;
const AROUND_US = 900e6;
const WAIT_MS = 200;

/** @typedef {import("./types.js").Alarm} Alarm */

/**
 * @param {import("./alarm-values.js").AlarmValues} values
 * @param {(alarm: Alarm) => Node[]} makeButtons what may be done with it
 */
export function makeDetail(values, makeButtons) {
  const title = make("h2", {}, say.none);
  const buttons = make("div", { class: "buttons" });
  const advice = make("dl", { class: "advice" });
  const facts = make("dl", { class: "facts" });
  const history = make("ol", { class: "history" });
  const story = make("section", { class: "story", tabindex: "0", "aria-label": say.history }, make("h3", {}, say.history), history);
  const body = make("div", { class: "columns" }, make("section", { class: "todo" }, buttons, advice), facts, story);
  const element = make("section", { class: "panel detail", "aria-label": say.label }, title, body);
  /** @type {Alarm | undefined} */
  let shown;
  /** @type {number | undefined} */
  let timer;

  /** @param {Alarm | undefined} alarm */
  function show(alarm) {
    if (alarm === shown) return;
    const isOther = alarm?.id !== shown?.id;
    shown = alarm;
    element.dataset.some = String(alarm !== undefined);
    body.hidden = alarm === undefined;
    if (!alarm) {
      title.replaceChildren(say.none);
      return;
    }
    title.replaceChildren(makePriority(alarm.priority), alarm.text, make("span", { class: "id" }, alarm.id));
    const focused = document.activeElement instanceof HTMLElement && buttons.contains(document.activeElement) ? document.activeElement.textContent : null;
    buttons.replaceChildren(...makeButtons(alarm), ...makeLinks(alarm));
    if (focused !== null) /** @type {HTMLElement | undefined} */ ([...buttons.children].find((child) => child.textContent === focused) ?? buttons.children[0])?.focus();
    advice.replaceChildren(...pair(say.consequence, alarm.consequence || say.unsaid), ...pair(say.response, alarm.response || say.unsaid));
    facts.replaceChildren(...makeFacts(alarm, values));
    if (isOther) history.replaceChildren();
    clearTimeout(timer);
    timer = window.setTimeout(() => void readHistory(alarm), WAIT_MS);
  }

  /** @param {Alarm} alarm */
  async function readHistory(alarm) {
    try {
      const { lines } = await get("alarms/journal", { from: "-7d", alarm: alarm.id, limit: HISTORY_LINES });
      if (shown?.id !== alarm.id) return;
      const newest = /** @type {import("./types.js").JournalLine[]} */ (lines).reverse().slice(0, SHOWN_LINES);
      history.replaceChildren(...(newest.length ? newest.map((line) => makeLine(line, alarm, values)) : [make("li", {}, say.noHistory)]));
    } catch (error) {
      if (shown?.id === alarm.id) history.replaceChildren(make("li", {}, error instanceof Error ? error.message : String(error)));
    }
  }

  show(undefined);
  body.hidden = true;
  return {
    element,
    show,
    /** Times are shown in another zone, or more is known of the point. */
    repaint() {
      const alarm = shown;
      if (!alarm) return;
      facts.replaceChildren(...makeFacts(alarm, values));
      void readHistory(alarm);
    },
    /** @param {string} words */
    say: (words) => setText(title, words),
  };
}

/** @param {Alarm} alarm */
function makeLinks(alarm) {
  const path = pathOf(alarm);
  const links = [make("a", { class: "button", href: siteAddress(alarm.site) }, texts.actions.station)];
  if (alarm.equipment) links.unshift(make("a", { class: "button", href: diagramAddress(alarm.site) }, texts.actions.diagram));
  if (path) {
    links.unshift(
      make("a", { class: "button", href: pointAddress(path), "data-faceplate": path }, texts.actions.faceplate),
      make("a", { class: "button", href: trendAround(alarm) }, texts.actions.trend),
    );
  }
  const query = new URLSearchParams({ site: alarm.site, ...around(alarm) });
  links.push(make("a", { class: "button", href: `/events?${query}` }, texts.actions.events));
  return links;
}

/** @param {Alarm} alarm */
function around(alarm) {
  const raised = parseMoment(alarm.raised);
  if (!Number.isFinite(raised)) return { from: "-1h", to: "now" };
  const iso = (/** @type {number} */ us) => new Date(us / 1e3).toISOString();
  return { from: iso(raised - AROUND_US), to: raised + AROUND_US > Date.now() * 1e3 ? "now" : iso(raised + AROUND_US) };
}

/**
 * The trend of the alarm's point, a quarter of an hour to both sides of the moment.
 * @param {Alarm} alarm
 */
export function trendAround(alarm) {
  const { from, to } = around(alarm);
  return trendAddress([pathOf(alarm)], from, to);
}

/**
 * @param {Alarm} alarm
 * @param {import("./alarm-values.js").AlarmValues} values
 */
function makeFacts(alarm, values) {
  const when = (/** @type {string | null} */ iso) => (iso === null ? "" : formatExactMoment(parseMoment(iso)));
  const raised = alarm.raised === null ? "" : `${when(alarm.raised)}, ${alarm.has_device_time ? say.deviceTime : say.otherTime}`;
  /** @type {[string, string | Node][]} */
  const facts = [
    [say.condition, alarm.is_active ? say.active : say.gone],
    [say.raised, raised],
    [say.received, alarm.raised_received === alarm.raised ? "" : when(alarm.raised_received)],
    [say.returned, alarm.is_active ? "" : when(alarm.returned)],
    [say.acknowledged, alarm.acknowledged && alarm.acknowledged_by ? say.by(when(alarm.acknowledged), alarm.acknowledged_by) : ""],
    [say.value, values.then(alarm)],
    [say.limit, alarm.limit === null ? "" : `${formatNumber(alarm.limit, values.pointOf(alarm)?.decimals ?? 2)} ${alarm.unit}`],
    [say.count, alarm.count ? say.times(alarm.count) : ""],
    [say.shelvedUntil, alarm.shelved_until && alarm.state === "shelved" ? say.by(when(alarm.shelved_until), alarm.shelved_by) : ""],
    [say.outBy, alarm.state === "out_of_service" ? alarm.out_of_service_by : ""],
    [say.reason, alarm.reason],
    [say.group, alarm.group ? make("a", { href: alarmsAddress({ text: alarm.group }) }, alarm.group, alarm.is_first_out ? ` (${texts.marks.first})` : "") : ""],
    [say.area, alarm.area],
  ];
  return facts.filter(([, words]) => words !== "").flatMap(([name, words]) => pair(name, words));
}

/**
 * @param {string} name
 * @param {string | Node} words
 */
function pair(name, words) {
  return [make("dt", {}, name), make("dd", {}, words)];
}

/**
 * @param {import("./types.js").JournalLine} line
 * @param {Alarm} alarm
 * @param {import("./alarm-values.js").AlarmValues} values
 */
function makeLine(line, alarm, values) {
  const value = line.value === null ? "" : values.words(alarm, line.value, line.quality);
  const rest = [value, line.by, line.reason].filter(Boolean).join(" · ");
  return make(
    "li",
    {},
    make("time", { title: line.has_device_time ? say.deviceTime : say.otherTime }, formatExactMoment(parseMoment(line.time ?? line.received))),
    make("b", {}, say.triggers[line.trigger] ?? line.trigger),
    make("span", {}, rest),
  );
}
