/**
 * The alarms that nobody has acknowledged, on every page: how many of each priority, and the first of them.
 * @module
 */

import { alarmsAddress } from "./addresses.js";
import { AlarmSound } from "./alarm-sound.js";
import { byId, make, setText } from "./dom.js";
import { formatRecent, parseMoment } from "./format.js";
import { addShortcut } from "./shortcuts.js";
import { actOnAlarms, makeAction, makePriority, PRIORITIES } from "./supervision.js";
import { texts } from "./texts/frame.js";

const say = texts.alarms;

/**
 * @param {import("./live.js").Live} live
 * @param {import("./page.js").Context} context
 */
export function startAlarmBanner(live, { sites, identity }) {
  const titles = new Map(sites.map((site) => [site.name, site.title]));
  const counts = [1, 2, 3, 4].map(makeCount);
  const failure = make("span", { class: "failure", role: "alert" });
  const first = make("ol", { class: "first", "aria-label": say.unacknowledged });
  const quiet = make("p", { class: "quiet" }, say.unknown);
  const more = make("a", { class: "more", href: "/alarms", hidden: "" }, say.list);
  const said = make("span", { class: "quiet-words", role: "status" });
  const sound = new AlarmSound();
  const element = make(
    "section",
    { class: "alarm-banner", "aria-label": say.banner, "data-some": "false" },
    make("span", { class: "alarm-counts" }, ...counts.map((count) => count.element)),
    quiet,
    first,
    more,
    failure,
    said,
    sound.element,
  );
  byId("header").after(element);
  /** @type {Map<string, Row>} */
  let rows = new Map();

  /** Those that do not fit into the line are counted, and not reached by the keyboard. */
  const fit = () => {
    const shown = [...first.children].filter((row) => {
      const isShown = row instanceof HTMLElement && row.offsetTop === 0;
      row.toggleAttribute("inert", !isShown);
      return isShown;
    });
    const total = live.supervision?.unacknowledged.reduce((sum, count) => sum + count, 0) ?? 0;
    more.hidden = total <= shown.length;
    setText(more, say.more(total - shown.length));
  };
  new ResizeObserver(fit).observe(first);
  const paint = () => {
    const { supervision } = live;
    if (!supervision) return;
    const isHeard = supervision.is_heard && live.state !== "lost";
    element.dataset.heard = String(isHeard);
    const total = supervision.unacknowledged.reduce((sum, count) => sum + count, 0);
    counts.forEach((count, index) => count.show(supervision.unacknowledged[index]));
    element.dataset.some = String(total > 0);
    quiet.hidden = isHeard && total > 0;
    setText(quiet, isHeard ? say.none : supervision.is_heard ? say.old : say.notHeard);
    const now = live.now();
    const next = new Map(
      supervision.first.map((alarm) => {
        const key = `${alarm.id} ${alarm.raised} ${alarm.state}`;
        return [key, rows.get(key) ?? makeRow(alarm, titles, identity, failure)];
      }),
    );
    for (const row of next.values()) row.paint(now);
    if ([...next.keys()].join() !== [...rows.keys()].join()) replace(first, [...next.values()].map((row) => row.element));
    rows = next;
    fit();
    const top = supervision.first[0];
    setText(said, isHeard && top ? `${say.count(total, top.priority, PRIORITIES[top.priority])}: ${top.text}` : "");
    sound.hear(supervision.first, total);
  };
  live.listen((changes) => {
    if (changes.supervision || changes.links) paint();
  });
  document.addEventListener("zonechange", paint);
  if (identity.may("acknowledge")) {
    addShortcut("A", texts.shortcuts.acknowledge, () => first.querySelector("button")?.click(), "everywhere");
  }
  addShortcut("S", texts.shortcuts.silence, () => sound.silence(), "everywhere");
}

/** @typedef {{element: HTMLElement, paint: (now: number) => void}} Row */

/**
 * @param {import("./types.js").Alarm} alarm
 * @param {Map<string, string>} titles
 * @param {import("./identity.js").Identity} identity
 * @param {HTMLElement} failure
 * @returns {Row}
 */
function makeRow(alarm, titles, identity, failure) {
  const raised = parseMoment(alarm.raised);
  const time = make("time");
  const isGone = !alarm.is_active;
  const link = make(
    "a",
    { href: alarmsAddress({ alarm: alarm.id }), title: [alarm.id, alarm.consequence, alarm.response].filter(Boolean).join(" — ") },
    time,
    make("span", { class: "where" }, titles.get(alarm.site) ?? alarm.site),
    make("b", {}, alarm.text),
    ...(isGone ? [make("span", { class: "gone" }, say.returned)] : []),
  );
  const acknowledge = identity.may("acknowledge", alarm.site)
    ? [makeAction(say.acknowledge, failure, () => acknowledgeOne(alarm.id), say.acknowledgeOne(alarm.id))]
    : [];
  const element = make("li", { class: "unacknowledged", "data-alarm": alarm.id, "data-priority": String(alarm.priority) }, makePriority(alarm.priority), link, ...acknowledge);
  return {
    element,
    paint: (now) => setText(time, formatRecent(raised, now)),
  };
}

/** @param {string} id */
async function acknowledgeOne(id) {
  const refused = await actOnAlarms("acknowledge", [id]);
  if (refused.length) throw new Error(refused.join("; "));
}

/** @param {number} priority */
function makeCount(priority) {
  const number = make("b", {}, "–");
  const element = make("a", { class: "alarm-count", href: alarmsAddress({ priority: String(priority) }), "data-priority": String(priority), "data-some": "false" }, makePriority(priority), number);
  return {
    element,
    /** @param {number} count */
    show(count) {
      setText(number, String(count));
      element.dataset.some = String(count > 0);
      element.title = say.count(count, priority, PRIORITIES[priority]);
    },
  };
}

/**
 * Replaces rows and keeps the focus where it was: on the alarm, or on the one that has come in its place.
 * @param {HTMLElement} list
 * @param {HTMLElement[]} rows
 */
function replace(list, rows) {
  const { activeElement } = document;
  const at = [...list.children].findIndex((row) => row.contains(activeElement));
  const isButton = activeElement instanceof HTMLButtonElement;
  list.replaceChildren(...rows);
  if (at < 0) return;
  const target = activeElement?.isConnected ? activeElement : rows[Math.min(at, rows.length - 1)]?.querySelector(isButton ? "button" : "a");
  if (target instanceof HTMLElement) target.focus();
}
