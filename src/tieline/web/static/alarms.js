/**
 * The list of alarms: what wants something of a person first.
 * @module
 */

import { byId, make, setText } from "./dom.js";
import { formatNumber } from "./format.js";
import { startPage } from "./page.js";
import { actOnAlarms, AlarmList, canAct, makeAction, makePriority } from "./supervision.js";

const STATES = {
  unacknowledged: "unacknowledged",
  latched_unacknowledged: "latched, unacknowledged",
  returned_unacknowledged: "returned, unacknowledged",
  acknowledged: "acknowledged",
  latched_acknowledged: "latched",
  shelved: "shelved",
  suppressed_by_design: "suppressed",
  out_of_service: "out of service",
  normal: "normal",
};
const ORDER = Object.keys(STATES);
const UNACKNOWLEDGED = new Set(ORDER.slice(0, 3));
const MOST_SHOWN = 1_000;
const TIMES = { "15": "15 minutes", "60": "1 hour", "240": "4 hours", "480": "8 hours" };

void startPage(async (live, sites) => {
  const list = new AlarmList();
  const found = make("span", { class: "found", role: "status" });
  const failure = make("span", { class: "failure", role: "alert" });
  const filter = make("input", { type: "search", placeholder: "Filter", "aria-label": "Filter alarms" });
  const site = make("select", { "aria-label": "Site" }, make("option", { value: "" }, "all sites"), ...sites.map((one) => make("option", { value: one.name }, one.title)));
  const only = make("input", { type: "checkbox", id: "only" });
  const body = make("tbody");
  const empty = make("p", { class: "empty" }, "No alarms.");
  const heads = ["Priority", "State", "Raised", "Alarm", "Value", "Message", "Actions"];
  const table = make("table", { class: "alarms" }, make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))), body);
  /** @type {import("./types.js").Alarm[]} */
  let shown = [];
  const all = makeAction("Acknowledge all shown", failure, () => act("acknowledge", shown.filter((alarm) => UNACKNOWLEDGED.has(alarm.state)).map((alarm) => alarm.id)));
  const shelving = makeShelving(failure, act);
  byId("main").append(
    make(
      "section",
      { class: "panel" },
      make("div", { class: "toolbar" }, site, filter, make("label", { for: "only" }, only, "unacknowledged only"), all, found, failure),
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Alarms" }, table, empty),
    ),
    shelving.dialog,
  );
  if (!canAct()) {
    all.hidden = true;
    setText(failure, "Only shown: nobody is logged in here.");
  }

  /**
   * @param {string} action
   * @param {string[]} ids
   * @param {{reason?: string, minutes?: number}} [how]
   */
  async function act(action, ids, how = {}) {
    const refused = ids.length ? await actOnAlarms(action, ids, how) : [];
    await refresh();
    if (refused.length) throw new Error(refused.join("; "));
  }

  async function refresh() {
    try {
      await list.refresh();
      paint();
    } catch (error) {
      setText(failure, error instanceof Error ? error.message : String(error));
    }
  }

  function paint() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = [...list.alarms.values()]
      .filter((alarm) => (!site.value || alarm.site === site.value) && (!only.checked || UNACKNOWLEDGED.has(alarm.state)))
      .filter((alarm) => words.every((word) => `${alarm.id} ${alarm.text} ${alarm.equipment}`.toLowerCase().includes(word)))
      .sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state) || one.priority - other.priority || (other.raised ?? "").localeCompare(one.raised ?? "") || one.id.localeCompare(other.id));
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
    body.replaceChildren(...shown.slice(0, MOST_SHOWN).map(makeRow));
    if (focused) body.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.dispatchEvent(new Event("refocus"));
    empty.hidden = shown.length > 0;
    const open = shown.filter((alarm) => UNACKNOWLEDGED.has(alarm.state)).length;
    setText(found, `${shown.length} of ${list.alarms.size} alarms, ${open} unacknowledged`);
  }

  /** @param {import("./types.js").Alarm} alarm */
  function makeRow(alarm) {
    const marks = [alarm.is_first_out ? "first" : "", alarm.is_chattering ? "chattering" : "", alarm.is_communication_lost ? "not heard" : ""].filter(Boolean);
    const value = alarm.value === null ? "" : `${formatNumber(alarm.value, 2)} ${alarm.unit}`;
    return make(
      "tr",
      { class: UNACKNOWLEDGED.has(alarm.state) ? "unacknowledged" : "", "data-state": alarm.state, "data-unacknowledged": String(UNACKNOWLEDGED.has(alarm.state)), "data-alarm": alarm.id },
      make("td", {}, makePriority(alarm.priority)),
      make("td", { class: "state" }, STATES[alarm.state], ...(alarm.is_active ? [] : [make("span", { class: "gone" }, " · gone")])),
      make("td", { class: "time", title: alarm.has_device_time ? "by the device's clock" : "by the gateway's or the center's clock" }, (alarm.raised ?? "").replace("T", " ").replace(/000Z$/, "Z")),
      make("td", { class: "device-name" }, alarm.id),
      make("td", { class: "right number" }, value),
      make("td", { class: "text", title: [alarm.consequence, alarm.response].filter(Boolean).join(" — ") }, alarm.text, ...marks.map((mark) => make("b", { class: "mark" }, mark)), alarm.reason ? make("span", { class: "reason" }, ` ${alarm.reason}`) : ""),
      make("td", { class: "actions" }, ...(canAct() ? makeActions(alarm) : [])),
    );
  }

  /** @param {import("./types.js").Alarm} alarm */
  function makeActions(alarm) {
    /** @type {HTMLButtonElement[]} */
    const buttons = [];
    /**
     * @param {string} text
     * @param {() => Promise<unknown>} action
     */
    const add = (text, action) => {
      const button = makeAction(text, failure, action, `${text} ${alarm.id}`);
      button.dataset.key = `${text} ${alarm.id}`;
      button.addEventListener("refocus", () => button.focus());
      buttons.push(button);
    };
    if (UNACKNOWLEDGED.has(alarm.state)) add("Acknowledge", () => act("acknowledge", [alarm.id]));
    if (alarm.state === "latched_acknowledged") add("Reset", () => act("reset", [alarm.id]));
    if (alarm.state === "shelved") add("Unshelve", () => act("unshelve", [alarm.id]));
    else if (alarm.state === "out_of_service") add("Put back", () => act("in-service", [alarm.id]));
    else add("Shelve…", async () => shelving.open(alarm.id));
    return buttons;
  }

  for (const control of [filter, site, only]) control.addEventListener("input", paint);
  let seen = "";
  live.listen((changes) => {
    if (!changes.supervision || !live.supervision) return;
    if (!live.supervision.is_heard) setText(failure, "Alarms do not run at the moment; they are started again. The list may be old.");
    const next = live.supervision.alarms.join("/");
    if (next === seen) return;
    seen = next;
    void refresh();
  });
  await refresh();
  return { title: "Alarms", subtitle: "ISA-18.2" };
});

/**
 * The dialog that asks why, and for how long.
 * @param {HTMLElement} failure
 * @param {(action: string, ids: string[], how: {reason: string, minutes: number}) => Promise<void>} act
 */
function makeShelving(failure, act) {
  const title = make("h2", { id: "shelve-title" }, "Shelve");
  const reason = make("input", { type: "text", id: "shelve-reason", maxlength: "200", autocomplete: "off" });
  const minutes = make("select", { id: "shelve-minutes" }, ...Object.entries(TIMES).map(([value, words]) => make("option", { value }, words)));
  minutes.value = "60";
  const refusal = make("p", { class: "failure", role: "alert" });
  let alarm = "";
  const ok = makeAction("Shelve", refusal, async () => {
    if (!reason.value.trim()) throw new Error("Say why.");
    await act("shelve", [alarm], { reason: reason.value.trim(), minutes: Number(minutes.value) });
    dialog.close();
  });
  const no = makeAction("Cancel", refusal, async () => dialog.close());
  const dialog = make(
    "dialog",
    { "aria-labelledby": "shelve-title" },
    title,
    make("label", { for: "shelve-reason" }, "Reason"),
    reason,
    make("label", { for: "shelve-minutes" }, "For"),
    minutes,
    refusal,
    make("div", { class: "buttons" }, ok, no),
  );
  return {
    dialog,
    /** @param {string} id */
    open(id) {
      alarm = id;
      setText(title, `Shelve ${id}`);
      reason.value = refusal.textContent = failure.textContent = "";
      dialog.showModal();
      reason.focus();
    },
  };
}
