/**
 * The sequence of events: what the historian has, older ones as somebody scrolls, and new ones as they come.
 * @module
 */

import { get } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatExact, formatExactMoment } from "./exact-time.js";
import { parseMoment } from "./format.js";
import { startPage } from "./page.js";
import { makeRange } from "./range-filter.js";
import { addShortcut } from "./shortcuts.js";
import { texts } from "./texts/events.js";
import { VirtualRows } from "./virtual-rows.js";

const PAGE = 500;
const WAIT_MS = 250;
const SIGNS = { info: "·", warning: "!", error: "‼" };
const SEVERITIES = /** @type {const} */ (["info", "warning", "error"]);
const say = texts.filters;

/** @typedef {Omit<import("./types.js").LiveEvent, "id">} SomeEvent */

void startPage(async (live, sites, { roles }) => {
  const places = [...sites, ...roles];
  const titles = new Map(places.map((one) => [one.name, one.title]));
  const query = new URLSearchParams(location.search);
  const devices = /** @type {import("./types.js").Device[]} */ ((await get("devices")).devices);

  const choose = (/** @type {string} */ label, /** @type {string} */ everything, /** @type {[string, string][]} */ options, /** @type {string} */ value) => {
    const select = make("select", { "aria-label": label }, make("option", { value: "" }, everything), ...options.map(([name, words]) => make("option", { value: name }, words)));
    if (value && !options.some(([name]) => name === value)) select.append(make("option", { value }, value));
    select.value = value;
    select.addEventListener("change", () => void reload());
    return select;
  };
  const site = choose(say.site, say.everySite, places.map((one) => [one.name, one.title]), query.get("site") ?? "");
  const device = choose(say.device, say.everyDevice, [], query.get("device") ?? "");
  const kind = choose(say.kind, say.everyKind, [], query.get("kind") ?? "");
  const wanted = new Set((query.get("severity") ?? "").split(","));
  const severities = SEVERITIES.map((name) => {
    const button = make("button", { type: "button", class: "button", "aria-pressed": String(wanted.has(name)) }, `${SIGNS[name]} ${texts.severities[name]}`);
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      void reload();
    });
    return button;
  });
  const text = make("input", { type: "search", placeholder: say.text, "aria-label": say.textLabel, maxlength: "200" });
  text.value = query.get("text") ?? "";
  /** @type {number | undefined} */
  let typing;
  text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = window.setTimeout(() => void reload(), WAIT_MS);
  });
  const range = makeRange(query, () => void reload());
  const pause = make("button", { type: "button", class: "button", "aria-pressed": "false" }, texts.pause);
  const tail = make("span", { class: "tail" });
  const exporting = make("a", { class: "button", download: "events.csv" }, say.export);
  const found = make("span", { class: "found", role: "status" });
  const failure = make("span", { class: "failure", role: "alert" });
  const empty = make("p", { class: "empty", hidden: "" }, texts.empty);

  /** @type {SomeEvent[]} newest first */
  let shown = [];
  /** @type {Set<string>} */
  let keys = new Set();
  /** @type {SomeEvent[]} new ones while it is paused */
  let held = [];
  /** @type {string | null} */
  let before = null;
  let isLoading = false;
  let isPaused = false;
  let asking = new AbortController();

  const rows = new VirtualRows({
    label: texts.title,
    columns: Object.entries(texts.columns).map(([name, title]) => ({ name, title })),
    key: keyOf,
    paint(element, cells, event) {
      const [time, place, where, severity, what, words] = cells;
      element.dataset.severity = event.severity;
      setText(time, formatExact(event.time, live.now()));
      time.title = formatExactMoment(event.time);
      setText(place, titles.get(event.site) ?? event.site);
      setText(where, event.device || "–");
      setText(severity, `${SIGNS[event.severity]} ${texts.severities[event.severity]}`);
      setText(what, event.kind.replaceAll("_", " "));
      setText(words, event.text);
      words.title = event.text;
    },
    change: () => {
      if (before !== null && !isLoading && rows.isNearEnd) void loadMore();
    },
  });
  rows.element.classList.add("event-rows");

  byId("main").append(
    make(
      "section",
      { class: "panel" },
      make("div", { class: "toolbar" }, site, device, make("span", { class: "severities", role: "group", "aria-label": say.severity }, ...severities), kind, text, ...range.elements, pause, tail, found, exporting, failure),
      rows.element,
      empty,
    ),
  );

  const pressed = () => SEVERITIES.filter((_, index) => severities[index].getAttribute("aria-pressed") === "true");
  const isLive = () => range.query().to === "now";
  /** What is asked for, without what is empty. */
  function asked() {
    const pairs = { site: site.value, device: device.value, kind: kind.value, text: text.value.trim() };
    return { ...Object.fromEntries(Object.entries(pairs).filter(([, value]) => value)), ...range.query() };
  }
  /** @param {Record<string, string>} more */
  function parameters(more) {
    const made = new URLSearchParams({ ...asked(), ...more });
    for (const name of pressed()) made.append("severity", name);
    return made;
  }

  function fillDevices() {
    const names = [...new Set(devices.filter((one) => !site.value || one.site === site.value).map((one) => one.name))].sort();
    const { value } = device;
    device.replaceChildren(make("option", { value: "" }, say.everyDevice), ...names.map((name) => make("option", { value: name }, name)));
    device.value = names.includes(value) ? value : "";
  }

  async function reload() {
    fillDevices();
    const chosen = pressed();
    const said = { ...asked(), ...(chosen.length ? { severity: chosen.join() } : {}) };
    history.replaceState(null, "", `?${new URLSearchParams(said)}`);
    exporting.href = `/api/events/history?${parameters({ format: "csv" })}`;
    pause.hidden = !isLive();
    asking.abort();
    asking = new AbortController();
    shown = [];
    held = [];
    keys = new Set();
    before = null;
    rows.element.scrollTop = 0;
    isLoading = false;
    await loadMore();
    takeNew();
  }

  async function loadMore() {
    const { signal } = asking;
    isLoading = true;
    setText(found, texts.loading);
    try {
      const answer = await fetch(`/api/events/history?${parameters({ limit: String(PAGE), ...(before === null ? {} : { before }) })}`, { signal });
      const body = await answer.json();
      if (!answer.ok) throw new Error(body.error.message);
      failure.textContent = "";
      before = body.before;
      add(body.events.map((/** @type {any} */ event) => ({ ...event, time: event.time_us })));
    } catch (error) {
      if (signal.aborted) return;
      before = null;
      setText(failure, error instanceof Error ? error.message : String(error));
    }
    isLoading = false;
    paint();
  }

  /** @param {SomeEvent[]} events */
  function add(events) {
    const fresh = events.filter((event) => !keys.has(keyOf(event)));
    for (const event of fresh) keys.add(keyOf(event));
    if (!fresh.length) return;
    const isOlder = !shown.length || fresh[0].time <= shown[shown.length - 1].time;
    shown = [...shown, ...fresh];
    if (!isOlder) shown.sort((one, other) => other.time - one.time);
  }

  function paint() {
    rows.setItems(shown);
    rows.element.hidden = shown.length === 0;
    empty.hidden = shown.length > 0 || isLoading;
    setText(found, texts.found(shown.length, before === null));
    setText(tail, !isLive() ? texts.past : isPaused ? texts.waiting(held.length) : texts.live);
    tail.dataset.live = String(isLive() && !isPaused);
  }

  /** @param {SomeEvent} event */
  function isWanted(event) {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const haystack = `${event.site} ${event.device} ${event.kind} ${event.text}`.toLowerCase();
    const chosen = pressed();
    return (
      (!site.value || event.site === site.value) &&
      (!device.value || event.device === device.value) &&
      (!kind.value || event.kind === kind.value) &&
      (!chosen.length || chosen.includes(event.severity)) &&
      words.every((word) => haystack.includes(word)) &&
      !(event.time < earliest())
    );
  }

  /** Before which no live event is shown: those of before the range, and those that come with older pages anyhow. */
  function earliest() {
    if (before !== null && shown.length) return shown[shown.length - 1].time;
    const { from } = range.query();
    const [, count, unit] = /^-(\d+)([mhd])$/.exec(from) ?? [];
    const units = { m: 60e6, h: 3_600e6, d: 86_400e6 };
    return count ? live.now() - Number(count) * units[/** @type {"m"} */ (unit)] : parseMoment(from);
  }

  function takeNew() {
    if (!isLive() || isLoading) return;
    const fresh = live.events.filter((event) => !keys.has(keyOf(event)) && isWanted(event));
    if (isPaused) held = fresh;
    else add(fresh);
    paint();
  }

  function switchPause() {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    setText(pause, isPaused ? texts.go : texts.pause);
    if (isPaused) paint();
    else void (live.events.length >= 200 ? reload() : takeNew());
  }
  pause.addEventListener("click", switchPause);
  addShortcut("f", texts.keys.filter, () => text.focus());
  addShortcut("p", texts.keys.pause, switchPause);

  let wasLost = false;
  live.listen((changes) => {
    if (changes.links && live.state !== "live" && live.state !== "connecting") wasLost = true;
    if (wasLost && live.state === "live" && !isPaused) {
      wasLost = false;
      void reload(); // what happened meanwhile may be more than the server tells at once
    } else if (changes.events) takeNew();
  });
  document.addEventListener("zonechange", () => rows.repaint());

  fillDevices();
  await reload();
  try {
    const known = (await get("events/kinds", { from: "-365d" })).kinds;
    for (const name of known) if (![...kind.options].some((option) => option.value === name)) kind.append(make("option", { value: name }, name.replaceAll("_", " ")));
  } catch {
    kind.disabled = true; // the historian does not answer, which the list says
  }
  return { title: texts.title, subtitle: texts.subtitle };
});

/** @param {SomeEvent} event */
function keyOf(event) {
  return `${event.time} ${event.site} ${event.device} ${event.kind} ${event.text}`;
}
