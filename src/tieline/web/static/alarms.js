/**
 * The list of alarms: what wants something of a person first, what is held back, and the figures of the standard.
 * @module
 */

import { makeDetail, trendAround } from "./alarm-detail.js";
import { makeAlarmDialog } from "./alarm-dialog.js";
import { startFigures } from "./alarm-figures.js";
import { makeFilters } from "./alarm-filters.js";
import { isUnacknowledged, OrderedAlarms, TABS } from "./alarm-order.js";
import { AlarmRow, COLUMNS } from "./alarm-row.js";
import { AlarmValues, pathOf } from "./alarm-values.js";
import { get } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatRecent } from "./format.js";
import { showPlace, startPage } from "./page.js";
import { addShortcut } from "./shortcuts.js";
import { actOnAlarms, AlarmList, makeAction } from "./supervision.js";
import { texts } from "./texts/alarms.js";
import { VirtualRows } from "./virtual-rows.js";

const AGES_MS = 1_000;
const FLOOD_MS = 30_000;

/** @typedef {import("./types.js").Alarm} Alarm */
/** @typedef {import("./alarm-order.js").Tab} Tab */

void startPage(async (live, sites, context) => {
  const { identity, utility } = context;
  const list = new AlarmList();
  const ordered = new OrderedAlarms();
  const titles = new Map([...sites, ...context.roles].map((one) => [one.name, one.title]));
  const found = make("span", { class: "found", role: "status" });
  const failure = make("span", { class: "failure", role: "alert" });
  const flood = make("p", { class: "flood", role: "status", hidden: "" });
  const empty = make("p", { class: "empty" });
  const filters = makeFilters([...sites, ...context.roles], () => {
    choose();
    remember();
  });
  const query = new URLSearchParams(location.search);
  /** @type {Tab | "figures"} */
  let tab = [...TABS, /** @type {const} */ ("figures")].find((name) => name === query.get("tab")) ?? "standing";

  const values = new AlarmValues(live, () => {
    rows.repaint();
    detail.repaint();
  });
  const mayAcknowledge = (/** @type {Alarm} */ alarm) => identity.may("acknowledge", alarm.site) && isUnacknowledged(alarm);
  /** @type {WeakMap<HTMLElement, AlarmRow>} */
  const painters = new WeakMap();
  const rows = new VirtualRows({
    label: texts.title,
    columns: COLUMNS,
    canSelect: true,
    key: (/** @type {Alarm} */ alarm) => alarm.id,
    paint(element, cells, alarm) {
      const row = painters.get(element) ?? new AlarmRow(element, cells);
      painters.set(element, row);
      row.paint(alarm, { values, now: live.now(), place: titles.get(alarm.site) ?? alarm.site, canAcknowledge: mayAcknowledge(alarm) });
    },
    point: (alarm) => {
      detail.show(alarm);
      remember();
    },
    open: (alarm) => openFaceplate(alarm),
    change: () => {
      values.show(rows.inView);
      paintButtons();
    },
  });
  rows.element.classList.add("alarms");

  /**
   * @param {string} action
   * @param {string[]} ids
   * @param {{reason?: string, minutes?: number}} [how]
   */
  async function act(action, ids, how = {}) {
    const refused = ids.length ? await actOnAlarms(action, ids, how) : [];
    rows.clearSelection();
    await refresh();
    if (refused.length) throw new Error(refused.join("; "));
  }
  const dialog = makeAlarmDialog(act);
  const detail = makeDetail(values, makeButtons);

  /** What is meant: what is selected, otherwise what is at the cursor. */
  const meant = () => (rows.selected.size ? rows.chosen : rows.current ? [rows.current] : []);
  /** @param {Alarm[]} alarms */
  const idsOf = (alarms) => alarms.map((alarm) => alarm.id);
  const shelvable = (/** @type {Alarm} */ alarm) => identity.may("shelve", alarm.site) && alarm.state !== "out_of_service" && alarm.state !== "suppressed_by_design";

  /** @param {Alarm} alarm */
  function makeButtons(alarm) {
    const { actions } = texts;
    /** @type {[boolean, string, () => Promise<unknown>][]} */
    const offered = [
      [mayAcknowledge(alarm), actions.acknowledge, () => act("acknowledge", [alarm.id])],
      [identity.may("acknowledge", alarm.site) && alarm.state === "latched_acknowledged", actions.reset, () => act("reset", [alarm.id])],
      [shelvable(alarm), actions.shelve, async () => dialog.open("shelve", idsOf(rows.selected.has(alarm.id) ? rows.chosen.filter(shelvable) : [alarm]))],
      [identity.may("shelve", alarm.site) && alarm.state === "shelved", actions.unshelve, () => act("unshelve", [alarm.id])],
      [identity.may("take_out", alarm.site) && alarm.state !== "out_of_service", actions.takeOut, async () => dialog.open("out-of-service", [alarm.id])],
      [identity.may("take_out", alarm.site) && alarm.state === "out_of_service", actions.putBack, () => act("in-service", [alarm.id])],
    ];
    return offered.filter(([isOffered]) => isOffered).map(([, words, action]) => makeAction(words, failure, action, `${words} ${alarm.id}`));
  }

  const selectedButton = makeAction("", failure, () => act("acknowledge", idsOf(rows.chosen.filter(mayAcknowledge))));
  const visibleButton = makeAction("", failure, () => act("acknowledge", idsOf(rows.inView.filter(mayAcknowledge))));
  const mayAny = identity.may("acknowledge");
  function paintButtons() {
    const selected = rows.chosen.filter(mayAcknowledge).length;
    const visible = rows.inView.filter(mayAcknowledge).length;
    selectedButton.hidden = !mayAny || selected === 0;
    visibleButton.hidden = !mayAny || tab !== "standing";
    visibleButton.disabled = visible === 0;
    setText(selectedButton, texts.actions.acknowledgeSelected(selected));
    setText(visibleButton, texts.actions.acknowledgeVisible(visible));
    setText(found, texts.filters.found(ordered.shown.length, tab === "figures" ? 0 : ordered.counts[tab]) + texts.filters.selected(rows.chosen.length));
  }

  const tabs = new Map(
    [...TABS, /** @type {const} */ ("figures")].map((name) => {
      const count = make("b");
      const button = make("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": name === "figures" ? "figures" : "list" }, texts.tabs[name], count);
      button.addEventListener("click", () => {
        tab = name;
        rows.clearSelection();
        choose();
        remember();
      });
      return [name, { button, count }];
    }),
  );
  const tablist = make("div", { class: "tabs", role: "tablist", "aria-label": texts.tabs.label }, ...[...tabs.values()].map(({ button }) => button));
  tablist.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const buttons = [...tabs.values()].map(({ button }) => button);
    const next = buttons.at((buttons.findIndex((button) => button === document.activeElement) + step) % buttons.length);
    next?.focus();
    next?.click();
  });

  const figures = make("div", { id: "figures", class: "figures", role: "tabpanel", "aria-labelledby": "tab-figures", tabindex: "0", hidden: "" });
  const showFigures = startFigures(figures);
  const toolbar = make("div", { class: "toolbar" }, ...filters.elements, visibleButton, selectedButton, found, failure);
  const panel = make("div", { id: "list", class: "list", role: "tabpanel" }, toolbar, flood, rows.element, empty);
  byId("main").append(make("section", { class: "panel" }, tablist, panel, figures), detail.element, dialog.element);
  if (!identity.session) setText(failure, texts.onlyShown);

  function remember() {
    /** @type {Record<string, string>} */
    const said = tab === "standing" ? {} : { tab };
    if (rows.current && tab !== "figures") said.alarm = rows.current.id;
    const words = new URLSearchParams({ ...filters.query(), ...said }).toString();
    history.replaceState(null, "", words ? `?${words}` : location.pathname);
  }

  function choose() {
    for (const [name, { button }] of tabs) {
      button.setAttribute("aria-selected", String(name === tab));
      button.tabIndex = name === tab ? 0 : -1;
    }
    panel.hidden = detail.element.hidden = tab === "figures";
    figures.hidden = tab !== "figures";
    if (tab !== "figures") {
      panel.setAttribute("aria-labelledby", `tab-${tab}`);
      rows.element.dataset.tab = tab;
      ordered.choose(tab, filters.filter(), list.alarms);
      paint();
    } else void showFigures();
  }

  function paint() {
    for (const name of TABS) setText(/** @type {{count: HTMLElement}} */ (tabs.get(name)).count, String(ordered.counts[name]));
    showPlace({ title: texts.title, subtitle: texts.subtitle(ordered.counts.unacknowledged, ordered.counts.standing) }, utility);
    if (tab === "figures") return;
    rows.setItems(ordered.shown);
    detail.show(rows.current);
    empty.hidden = ordered.shown.length > 0;
    rows.element.hidden = ordered.shown.length === 0;
    setText(empty, filters.isEmpty() ? texts.empty[tab] : texts.empty.filtered);
    paintButtons();
  }

  let isKnown = false;
  async function refresh() {
    try {
      const changed = await list.refresh();
      if (isKnown && changed?.size === 0) return;
      ordered.update(isKnown ? changed : null, list.alarms);
      isKnown = true;
      paint();
    } catch (error) {
      isKnown = false;
      setText(failure, error instanceof Error ? error.message : String(error));
    }
  }

  // A row may have become another alarm's between the press and the click: what was pressed counts, and only where it is still there.
  let pressed = "";
  rows.element.addEventListener("pointerdown", (event) => {
    pressed = alarmOf(event.target);
  });
  rows.element.addEventListener("click", (event) => {
    if (!(event.target instanceof HTMLButtonElement) || alarmOf(event.target) !== pressed) return;
    const alarm = list.alarms.get(pressed);
    if (alarm && mayAcknowledge(alarm)) void attempt(() => act("acknowledge", [alarm.id]));
  });

  /** @param {() => Promise<unknown>} action */
  async function attempt(action) {
    failure.textContent = "";
    try {
      await action();
    } catch (error) {
      setText(failure, error instanceof Error ? error.message : String(error));
    }
  }

  addShortcut("f", texts.keys.filter, () => filters.text.focus());
  if (mayAny) {
    addShortcut("a", texts.keys.acknowledge, () => void attempt(() => act("acknowledge", idsOf(meant().filter(mayAcknowledge)))));
    addShortcut("v", texts.keys.visible, () => void attempt(() => act("acknowledge", idsOf(rows.inView.filter(mayAcknowledge)))));
    addShortcut("r", texts.keys.reset, () => void attempt(() => act("reset", idsOf(meant().filter((alarm) => alarm.state === "latched_acknowledged")))));
  }
  if (identity.may("shelve")) addShortcut("s", texts.keys.shelve, () => dialog.open("shelve", idsOf(meant().filter(shelvable))));
  addShortcut("p", texts.keys.faceplate, () => rows.current && openFaceplate(rows.current));
  addShortcut("t", texts.keys.trend, () => {
    if (rows.current && pathOf(rows.current)) location.assign(trendAround(rows.current));
  });

  let seen = "";
  live.listen((changes) => {
    if (changes.points.size || changes.links) rows.repaint();
    if (!changes.supervision || !live.supervision) return;
    if (!live.supervision.is_heard) setText(failure, texts.notHeard);
    else if (failure.textContent === texts.notHeard) failure.textContent = "";
    const next = live.supervision.alarms.join("/");
    if (next === seen) return;
    seen = next;
    void refresh();
  });
  setInterval(() => rows.repaint(), AGES_MS);
  document.addEventListener("zonechange", () => {
    rows.repaint();
    detail.repaint();
  });

  async function lookForFlood() {
    try {
      const { figures: told } = await get("alarms/metrics", { from: "-2h" });
      const goesOn = /** @type {{began: number, ended: number, alarms: number}[]} */ (told.floods).find((one) => one.ended > live.now());
      flood.hidden = goesOn === undefined;
      if (goesOn) setText(flood, texts.flood(goesOn.alarms, formatRecent(goesOn.began, live.now())));
    } catch {
      flood.hidden = true; // that alarms are not supervised is said elsewhere
    }
  }
  setInterval(() => void (document.hidden || lookForFlood()), FLOOD_MS);

  await refresh();
  choose();
  const wanted = query.get("alarm");
  if (wanted) rows.goTo(wanted);
  void lookForFlood();
  return { title: texts.title, subtitle: texts.subtitle(ordered.counts.unacknowledged, ordered.counts.standing) };
});

/** @param {EventTarget | null} target */
function alarmOf(target) {
  const row = target instanceof Element ? target.closest("[data-alarm]") : null;
  return row instanceof HTMLElement ? (row.dataset.alarm ?? "") : "";
}

/** @param {Alarm} alarm */
function openFaceplate(alarm) {
  const path = pathOf(alarm);
  if (path) document.dispatchEvent(new CustomEvent("faceplate", { detail: { points: [path] } }));
}
