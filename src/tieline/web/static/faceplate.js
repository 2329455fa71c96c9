/**
 * All that there is of a point, or of the points of a piece of equipment: value, quality, alarms, tags, the last minutes, where it
 * comes from, and the three steps where one of them takes commands. It is shown in a dialog or as a page.
 * @module
 */

import { deviceAddress, pointAddress, trendAddress } from "./addresses.js";
import { get, getPointsById } from "./api.js";
import { watchControl } from "./control-watch.js";
import { make, setText } from "./dom.js";
import { formatAge, formatMoment, formatNumber } from "./format.js";
import { OperateSteps } from "./operate-steps.js";
import { isWritable } from "./orders.js";
import { PointAlarms } from "./point-alarms.js";
import { DEVICE_TIME, wordsOf } from "./quality.js";
import { isDiscrete } from "./states.js";
import { makeTagForm, makeTagRows } from "./tag-list.js";
import { texts } from "./texts/faceplate.js";
import { texts as tagTexts } from "./texts/tags.js";
import { TrendChart } from "./trend-chart.js";
import { TrendData } from "./trend-data.js";
import { ValueCell } from "./value-cell.js";

const SPAN_US = 900e6;
const TICK_MS = 250;
const SWITCHING_MS = 3_000;

/** @typedef {import("./types.js").Point} Point */

export class Faceplate {
  /** @type {Point[]} */ #points = [];
  /** @type {Point | null} */ #point = null;
  /** @type {Point | null} the one that the steps are for */ #operated = null;
  /** @type {Map<number, import("./types.js").Details>} */ #details = new Map();
  /** @type {Map<number, ValueCell>} */ #cells = new Map();
  /** @type {ValueCell | null} */ #large = null;
  /** @type {(() => void) | null} */ #unwatch = null;
  #asked = 0;
  #choices = 0;
  #timer = 0;
  #live;
  #control;
  #steps;
  #alarms;
  #tags;
  #data;
  #onPoint;

  #value = make("div", { class: "large" });
  #worth = make("p", { class: "worth" });
  #facts = make("dl", { class: "facts" });
  #list = make("ul", { class: "of-equipment", "aria-label": texts.points });
  #failure = make("p", { class: "failure", role: "alert" });
  #links = make("p", { class: "links" });
  #chart = make("div", { class: "chart" });
  #state = make("dd");
  #stateRow = make("dt", {}, texts.facts.state);
  #stateTimer = 0;
  #what = make("div", { class: "operated-what" });
  #noSteps = make("p", { class: "none" }, texts.notWritable);
  #tagForm;
  #hang = make("details", {}, make("summary", {}, tagTexts.hangTitle));
  #identity;
  element;

  /**
   * @param {import("./live.js").Live} live
   * @param {import("./identity.js").Identity} identity
   * @param {(point: Point) => void} [onPoint] called with the point that is shown in large
   */
  constructor(live, identity, onPoint = () => {}) {
    this.#live = live;
    this.#identity = identity;
    this.#onPoint = onPoint;
    this.#control = watchControl(live);
    this.#steps = new OperateSteps(live, identity);
    this.#alarms = new PointAlarms(live, identity);
    this.#tags = makeTagRows(live, identity.may("tag"), () => this.#control.refresh());
    this.#tagForm = makeTagForm(
      () => this.#point?.equipment || this.#point?.path || "",
      async () => {
        this.#hang.open = false;
        await this.#control.refresh();
      },
    );
    this.#hang.append(this.#tagForm);
    this.#data = new TrendData(live, new TrendChart(this.#chart, { isSmall: true }));
    const section = (/** @type {string} */ name, /** @type {string} */ title, /** @type {Node[]} */ ...children) => make("div", { class: `part ${name}`, role: "group", "aria-label": title }, make("h2", {}, title), ...children);
    this.element = make(
      "div",
      { class: "faceplate", "data-ready": "false" },
      make("div", { class: "first" }, make("div", { class: "now" }, this.#value, this.#worth), this.#facts, this.#links, this.#list),
      make("div", { class: "second" }, section("recent", texts.last15, this.#chart), section("alarms", texts.alarms, this.#alarms.element), section("tags", tagTexts.title, this.#tags.element, this.#hang)),
      make("div", { class: "third" }, section("operating", texts.operating, this.#noSteps, this.#what, this.#steps.element)),
      this.#failure,
    );
    live.listen((changes) => {
      if (!this.#point) return;
      if (changes.links || this.#points.some((point) => changes.points.has(point.id))) this.#paint();
    });
    this.#control.listen(() => this.#paintTags());
    document.addEventListener("zonechange", () => this.#paint());
  }

  /** Whether something is held that closing would give up. */
  get isHolding() {
    return this.#steps.isHolding;
  }

  /** Gives up what is held; says whether anything was. */
  giveUp() {
    return this.#steps.giveUp();
  }

  /**
   * Shows these points, the first of them in large; a single one brings those of its equipment along.
   * @param {(number | string)[]} references ids or paths
   */
  async show(references) {
    this.clear();
    const mine = this.#asked;
    setText(this.#failure, "");
    this.element.dataset.ready = "false";
    try {
      const { points } = await get("points", { points: references.join(","), limit: references.length });
      const details = await this.#detailsOf(points[0]);
      const missing = details.beside.filter((id) => !points.some((/** @type {Point} */ point) => point.id === id));
      const beside = references.length === 1 && missing.length ? [...(await getPointsById(missing)).values()] : [];
      if (mine !== this.#asked) return;
      this.#points = [...points, ...beside];
      this.#makeList();
      this.#timer = setInterval(() => this.#paint(), TICK_MS);
      this.#stateTimer = setInterval(() => void this.#readSwitching(), SWITCHING_MS);
      await this.#choose(points[0]);
      if (mine === this.#asked) this.element.dataset.ready = "true";
    } catch (error) {
      if (mine === this.#asked) setText(this.#failure, texts.failed(error instanceof Error ? error.message : String(error)));
    }
  }

  /** Shows nothing any more; what is held is given up. */
  clear() {
    this.#asked += 1;
    this.#choices += 1;
    clearInterval(this.#timer);
    clearInterval(this.#stateTimer);
    this.#steps.clear();
    this.#alarms.clear();
    this.#unwatch?.();
    this.#unwatch = null;
    if (this.#point) void this.#data.fix(this.#live.now() - SPAN_US, this.#live.now()); // it follows the time no longer
    this.#point = this.#operated = null;
    this.#points = [];
  }

  /** @param {Point} point */
  async #detailsOf(point) {
    const held = this.#details.get(point.id);
    if (held) return held;
    /** @type {import("./types.js").Details} */
    const details = await get(`details/points/${point.id}`);
    this.#details.set(point.id, details);
    return details;
  }

  #makeList() {
    this.#cells = new Map(this.#points.map((point) => [point.id, new ValueCell(point)]));
    this.#list.hidden = this.#points.length < 2;
    this.#list.replaceChildren(
      ...this.#points.map((point) => {
        const cell = /** @type {ValueCell} */ (this.#cells.get(point.id));
        const button = make("button", { type: "button", "data-path": point.path, title: point.path }, make("span", { class: "name" }, point.name), cell.element, cell.unit);
        button.addEventListener("click", () => void this.#choose(point));
        return make("li", {}, button);
      }),
    );
  }

  /** @param {Point} point */
  async #choose(point) {
    const mine = (this.#choices += 1);
    if (isWritable(point) && point !== this.#operated) {
      // until this point is known nothing can be operated here: what is clicked meanwhile was meant for it, not for the one before
      this.#steps.clear();
      this.#steps.element.hidden = true;
      this.#operated = null;
    }
    const details = await this.#detailsOf(point);
    if (mine !== this.#choices) return;
    this.#point = point;
    for (const button of this.#list.querySelectorAll("button")) {
      if (button.dataset.path === point.path) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    this.#large = new ValueCell(point);
    this.#value.replaceChildren(this.#large.element, this.#large.unit);
    this.#makeFacts(point, details);
    void this.#readSwitching();
    this.#alarms.show(point, details.limits);
    this.#chart.dataset.discrete = String(isDiscrete(point));
    this.#data.setPoints([point]);
    void this.#data.follow(SPAN_US);
    this.#hang.hidden = !this.#identity.may("tag", point.site);
    await this.#operate(isWritable(point) ? point : (this.#operated ?? this.#commandOf(point)));
    this.#paintTags();
    this.#paint();
    this.#onPoint(point);
  }

  /**
   * The point that operates this one, or anything else of its equipment.
   * @param {Point} point
   */
  #commandOf(point) {
    const writable = this.#points.filter(isWritable);
    return writable.find((one) => one.quantity !== "" && one.quantity === point.quantity) ?? writable[0] ?? null;
  }

  /**
   * The point that the steps are for; what is held for another one is given up.
   * @param {Point | null} point
   */
  async #operate(point) {
    const mine = this.#choices;
    const writing = point ? (await this.#detailsOf(point)).writing : null;
    const id = writing?.feedback ?? null;
    const feedback = id === null ? null : (this.#points.find((one) => one.id === id) ?? (await getPointsById([id])).get(id) ?? null);
    if (mine !== this.#choices) return;
    this.#unwatch?.();
    this.#unwatch = this.#live.watch([...this.#points.map((one) => one.id), ...(id === null ? [] : [id])]);
    this.#steps.element.hidden = point === null;
    this.#noSteps.hidden = point !== null;
    if (point && writing && point !== this.#operated) this.#steps.show(point, writing, feedback);
    this.#operated = point;
    this.#makeWhat(point);
    if (point && !this.#control.state) void this.#control.refresh();
  }

  /**
   * @param {Point} point
   * @param {import("./types.js").Details} details
   */
  #makeFacts(point, { origin }) {
    const { facts, ranges, kinds } = texts;
    const number = (/** @type {number} */ value) => `${formatNumber(value, point.decimals)} ${point.unit}`.trim();
    const isRanged = point.kind === "analog" || point.kind === "setpoint";
    const range = !isRanged ? "" : point.low !== null && point.high !== null ? ranges.both(formatNumber(point.low, point.decimals), number(point.high)) : point.low !== null ? ranges.low(number(point.low)) : point.high !== null ? ranges.high(number(point.high)) : "";
    /** @type {[string, Node | string][]} */
    const rows = [
      [facts.kind, kinds[point.kind]],
      [facts.range, range],
      [facts.equipment, point.equipment],
      [facts.device, make("a", { href: deviceAddress(point.site, point.device) }, `${point.site}/${point.device}`)],
      [facts.address, [origin.protocol === "tieline" ? origin.device : origin.protocol, origin.address].filter(Boolean).join(", ")],
    ];
    this.#stateRow.hidden = this.#state.hidden = true;
    this.#facts.replaceChildren(this.#stateRow, this.#state, ...rows.filter(([, said]) => said !== "").flatMap(([name, said]) => [make("dt", {}, name), make("dd", {}, said)]));
    this.#links.replaceChildren(make("a", { class: "button", href: trendAddress([point.path], "-15m") }, texts.trend), make("a", { class: "button to-page", href: pointAddress(point.path) }, texts.page));
  }

  /** Whether the equipment is energized, as the topology has it; nothing is said where it knows no such equipment. */
  async #readSwitching() {
    const point = this.#point;
    if (!point?.equipment || document.hidden || !this.#details.get(point.id)?.has_single_line) return;
    /** @type {{equipment: {id: string, state: string, why: string, points: number[]}[]}} */
    const switching = await get(`sites/${encodeURIComponent(point.site)}/switching`).catch(() => ({ equipment: [] }));
    if (this.#point !== point) return;
    const found = switching.equipment.find((one) => one.points.includes(point.id)) ?? switching.equipment.find((one) => one.id === point.equipment);
    this.#stateRow.hidden = this.#state.hidden = !found;
    if (found) setText(this.#state, found.why ? `${found.state}: ${found.why}` : found.state);
  }

  /**
   * What the steps are for, and the other commands of the equipment.
   * @param {Point | null} operated
   */
  #makeWhat(operated) {
    const writable = this.#points.filter(isWritable);
    this.#what.hidden = operated === null;
    if (!operated) return;
    if (writable.length < 2) {
      this.#what.replaceChildren(make("span", {}, operated.description || operated.name));
      return;
    }
    const choose = make("select", { "aria-label": texts.command }, ...writable.map((one) => make("option", { value: one.path }, one.description || one.name)));
    choose.value = operated.path;
    choose.addEventListener("change", () => {
      const next = writable.find((one) => one.path === choose.value);
      if (next) void this.#operate(next);
    });
    this.#what.replaceChildren(choose);
  }

  #paintTags() {
    const point = this.#point;
    if (!point) return;
    const beside = new Set(this.#points.filter((one) => one.site === point.site && one.equipment !== "" && one.equipment === point.equipment).map((one) => one.path));
    this.#tags.show(this.#control.tagsOn(point, beside));
  }

  #paint() {
    const point = this.#point;
    if (!point) return;
    const now = this.#live.now();
    for (const one of this.#points) this.#cells.get(one.id)?.paint(this.#live.samples.get(one.id), this.#live.isStale(one), now);
    const sample = this.#live.samples.get(point.id);
    const isStale = this.#live.isStale(point);
    this.#large?.paint(sample, isStale, now);
    this.#worth.dataset.stale = String(isStale);
    if (!sample?.time) setText(this.#worth, texts.neverWords);
    else {
      const stale = isStale ? `, ${texts.stale(texts.staleBy[this.#whyStale(point)])}` : "";
      setText(this.#worth, `${wordsOf(sample.quality)}${stale} · ${texts.age(formatAge(now - sample.time))} · ${formatMoment(sample.time)}, ${sample.quality & DEVICE_TIME ? texts.deviceTime : texts.gatewayTime}`);
    }
    this.#steps.paint();
  }

  /**
   * @param {Point} point
   * @returns {"server" | "site" | "silence"}
   */
  #whyStale(point) {
    if (this.#live.state !== "live") return "server";
    return this.#live.sites.get(point.site)?.link === "up" ? "silence" : "site";
  }
}
