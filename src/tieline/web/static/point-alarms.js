/**
 * The alarms that a point can raise, with their limits, and how they stand; with them what else stands of its equipment.
 * @module
 */

import { make, setText } from "./dom.js";
import { formatNumber } from "./format.js";
import { actOnAlarms, AlarmList, makeAction, makePriority } from "./supervision.js";
import { texts } from "./texts/faceplate.js";

const OPEN = new Set(["unacknowledged", "latched_unacknowledged", "returned_unacknowledged"]);

export class PointAlarms {
  /** @type {AlarmList} */ #list = new AlarmList();
  /** @type {import("./types.js").Point | null} */ #point = null;
  /** @type {import("./types.js").Details["limits"]} */ #limits = [];
  #site = "";
  #live;
  #identity;
  #failure = make("p", { class: "failure", role: "alert" });
  #rows = make("ul", { class: "point-alarms" });
  element = make("div", {}, this.#rows, this.#failure);

  /**
   * @param {import("./live.js").Live} live
   * @param {import("./identity.js").Identity} identity
   */
  constructor(live, identity) {
    this.#live = live;
    this.#identity = identity;
    let seen = "";
    live.listen((changes) => {
      const now = live.supervision?.alarms.join("/") ?? "";
      if (!changes.supervision || now === seen) return;
      seen = now;
      void this.refresh();
    });
  }

  /**
   * @param {import("./types.js").Point} point
   * @param {import("./types.js").Details["limits"]} limits
   */
  show(point, limits) {
    if (point.site !== this.#site) this.#list = new AlarmList({ site: point.site });
    this.#site = point.site;
    this.#point = point;
    this.#limits = limits;
    setText(this.#failure, "");
    this.#paint();
    void this.refresh();
  }

  clear() {
    this.#point = null;
  }

  async refresh() {
    if (!this.#point || !this.#live.supervision) return;
    try {
      await this.#list.refresh();
      this.#paint();
    } catch (error) {
      setText(this.#failure, error instanceof Error ? error.message : String(error));
    }
  }

  #paint() {
    const point = this.#point;
    if (!point) return;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.alarm : undefined;
    const standing = [...this.#list.alarms.values()].filter((alarm) => isOf(alarm, point));
    const byId = new Map(standing.map((alarm) => [alarm.id, alarm]));
    const others = standing.filter((alarm) => !this.#limits.some((limit) => limit.alarm === alarm.id));
    const rows = [
      ...this.#limits.map((limit) => this.#makeRow({ id: limit.alarm, text: limit.text, priority: limit.priority, limit: limit.limit }, byId.get(limit.alarm), point)),
      ...others.map((alarm) => this.#makeRow({ id: alarm.id, text: alarm.text, priority: alarm.priority, limit: null }, alarm, point)),
    ];
    this.#rows.replaceChildren(...(rows.length ? rows : [make("li", { class: "none" }, texts.noAlarms)]));
    if (focused) this.#rows.querySelector(`button[data-alarm="${CSS.escape(focused)}"]`)?.dispatchEvent(new Event("refocus"));
  }

  /**
   * @param {{id: string, text: string, priority: number, limit: number | null}} plan
   * @param {import("./types.js").Alarm | undefined} alarm
   * @param {import("./types.js").Point} point
   */
  #makeRow(plan, alarm, point) {
    const isOpen = alarm !== undefined && OPEN.has(alarm.state);
    const limit = plan.limit === null ? "" : `${formatNumber(plan.limit, point.decimals)} ${point.unit}`.trim();
    const state = alarm?.state ?? "normal";
    const row = make(
      "li",
      { class: isOpen ? "unacknowledged" : "", "data-state": state, "data-active": String(alarm?.is_active ?? false), title: [alarm?.consequence, alarm?.response].filter(Boolean).join(" — ") },
      makePriority(plan.priority),
      make("span", { class: "words" }, plan.text),
      make("span", { class: "number" }, limit),
      make("span", { class: "state" }, texts.state(state)),
    );
    if (isOpen && this.#identity.may("acknowledge", point.site)) {
      const button = makeAction(texts.acknowledge, this.#failure, async () => {
        const refused = await actOnAlarms("acknowledge", [plan.id]);
        await this.refresh();
        if (refused.length) throw new Error(refused.join("; "));
      }, texts.acknowledgeOne(plan.id));
      button.dataset.alarm = plan.id;
      button.addEventListener("refocus", () => button.focus());
      row.append(button);
    }
    return row;
  }
}

/**
 * Whether it is an alarm of the point, or of the equipment that the point belongs to.
 * @param {import("./types.js").Alarm} alarm
 * @param {import("./types.js").Point} point
 */
function isOf(alarm, point) {
  return (alarm.device === point.device && alarm.point === point.name) || (point.equipment !== "" && alarm.equipment === point.equipment);
}
