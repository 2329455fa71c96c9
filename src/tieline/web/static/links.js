/**
 * Links and health of every role, process and device; what is wrong comes first.
 * @module
 */

import { siteAddress } from "./addresses.js";
import { get } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatAge, formatNumber, parseMoment } from "./format.js";
import { showPlace, startPage } from "./page.js";
import { HEADS, RoleRow } from "./role-health.js";
import { addShortcut } from "./shortcuts.js";
import { texts } from "./texts/links.js";
import { VirtualRows } from "./virtual-rows.js";

const OWN_DEVICE = "tieline";
const DEVICES_MS = 3_000;
const PROCESSES_MS = 5_000;
const CHANGES_MS = 30_000;
const PAGE = 5_000;
const MOST_CYCLE = 100;

/** @typedef {import("./types.js").Device} Device */
/** @typedef {{device: Device, state: "up" | "down" | "unknown", cycle: number | undefined, overruns: number | undefined}} Standing */
/** @typedef {{site: string, device: string, kind: string, time: string}} Change */

void startPage(async (live, sites, context) => {
  const places = [...context.roles, ...sites];
  const titles = new Map(places.map((one) => [one.name, one.title]));
  const points = await ownPoints();
  /** @type {Map<string, import("./types.js").Point[]>} */
  const bySite = new Map(places.map((one) => [one.name, []]));
  for (const point of points) bySite.get(point.site)?.push(point);
  const byPath = new Map(points.map((point) => [point.path, point]));
  const roles = places.map((site) => new RoleRow(live, site, bySite.get(site.name) ?? []));

  const head = HEADS.map((name) => make("th", { scope: "col", ...(["role", "link", "wrong"].includes(name) ? {} : { class: "right" }), ...(texts.words[name] ? { title: texts.words[name] } : {}) }, texts.columns[name]));
  const body = make("tbody", {}, ...roles.map((role) => role.element));
  const table = make("table", { class: "roles" }, make("thead", {}, make("tr", {}, ...head)), body);
  const processes = startProcesses();
  const filter = make("input", { type: "search", placeholder: texts.filter, "aria-label": texts.filterLabel });
  const summary = make("span");
  const failure = make("span", { class: "failure", role: "alert" });
  const empty = make("p", { class: "empty", hidden: "" }, texts.device.empty);
  /** @type {Device[]} */
  let devices = [];
  /** @type {Map<string, Change>} */
  let changes = new Map();

  const say = texts.device;
  const rows = new VirtualRows({
    label: texts.devices,
    columns: Object.entries(say.columns).map(([name, title]) => ({
      name: ["errors", "timeouts", "reconnects", "trip", "cycle", "overruns", "since"].includes(name) ? `numeric ${name}` : name,
      title,
      ...(name in say.words ? { words: say.words[/** @type {"since"} */ (name)] } : {}),
    })),
    key: (/** @type {Standing} */ one) => `${one.device.site}/${one.device.name}`,
    paint(element, cells, { device, state, cycle, overruns }) {
      const [site, name, protocol, standing, since, errors, timeouts, reconnects, trip, period, missed, description] = cells;
      const count = (/** @type {number | null | undefined} */ value, digits = 0) => (value === null || value === undefined ? "—" : formatNumber(value, digits));
      element.dataset.state = state;
      setText(site, titles.get(device.site) ?? device.site);
      setText(name, device.name);
      setText(protocol, device.protocol);
      const mark = standing.querySelector(".device-state") ?? standing.appendChild(make("span", { class: "device-state" }));
      mark.setAttribute("data-state", state);
      setText(mark, say[state]);
      setText(since, sinceWords(changes.get(`${device.site}/${device.name}`), state, live.now(), valueOf(`${device.site}/${OWN_DEVICE}/uptime_s`)));
      setText(errors, count(device.errors));
      setText(timeouts, count(device.timeouts));
      setText(reconnects, count(device.reconnects));
      setText(trip, count(device.round_trip_ms, 1));
      setText(period, count(cycle));
      period.dataset.wrong = String((cycle ?? 0) > MOST_CYCLE);
      setText(missed, count(overruns));
      setText(description, device.description);
      description.title = device.description;
    },
    open: ({ device }) => location.assign(siteAddress(device.site)),
  });
  rows.element.classList.add("device-rows");

  byId("main").append(
    make("section", { class: "panel roles-panel" }, make("h2", {}, texts.roles, make("span", {}, texts.rolesWords)), make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": texts.roles }, table)),
    make("section", { class: "panel processes-panel" }, make("h2", {}, texts.processes, make("span", {}, texts.processesWords)), processes.element),
    make("section", { class: "panel devices-panel" }, make("div", { class: "toolbar" }, make("h2", {}, texts.devices), summary, filter, failure), rows.element, empty),
  );

  /** @param {string} path */
  const valueOf = (path) => {
    const point = byPath.get(path);
    const sample = point && live.samples.get(point.id);
    return point && sample?.time && !live.isStale(point) && Number.isFinite(sample.value) ? sample.value : undefined;
  };

  function paint() {
    for (const role of roles) role.paint();
    const order = [...roles].sort((one, other) => Number(other.wrong > 0) - Number(one.wrong > 0));
    const isSame = order.every((role, index) => body.children[index] === role.element);
    if (!isSame && !body.contains(document.activeElement)) body.append(...order.map((role) => role.element));
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const standings = devices.map((device) => {
      const own = `${device.site}/${OWN_DEVICE}/${device.name}`;
      /** @type {Standing["state"]} */
      const state = live.state !== "live" || device.is_up === null ? "unknown" : device.is_up ? "up" : "down";
      return { device, state, cycle: valueOf(`${own}_cycle_percent`), overruns: valueOf(`${own}_overruns`) };
    });
    const isWrong = (/** @type {Standing} */ one) => one.state !== "up" || (one.cycle ?? 0) > MOST_CYCLE;
    const shown = standings
      .filter(({ device }) => words.every((word) => `${device.site} ${titles.get(device.site)} ${device.name} ${device.protocol} ${device.description}`.toLowerCase().includes(word)))
      .sort((one, other) => Number(isWrong(other)) - Number(isWrong(one)) || (other.device.errors ?? 0) - (one.device.errors ?? 0) || one.device.site.localeCompare(other.device.site) || one.device.name.localeCompare(other.device.name));
    rows.setItems(shown);
    rows.element.hidden = shown.length === 0;
    empty.hidden = shown.length > 0;
    const wrongDevices = standings.filter(isWrong).length;
    setText(summary, texts.devicesWords(wrongDevices, standings.length));
    showPlace({ title: texts.title, subtitle: texts.subtitle(roles.filter((role) => role.wrong > 0).length + wrongDevices + processes.wrong()) }, context.utility);
  }

  async function readDevices() {
    try {
      const answer = await get("devices");
      devices = answer.devices.filter((/** @type {Device} */ one) => byPath.has(`${one.site}/${OWN_DEVICE}/${one.name}_up`));
      failure.textContent = "";
    } catch (error) {
      setText(failure, error instanceof Error ? error.message : String(error));
    }
    paint();
  }
  async function readChanges() {
    try {
      const answer = await get("health/devices");
      changes = new Map(answer.changes.map((/** @type {Change} */ one) => [`${one.site}/${one.device}`, one]));
    } catch {
      changes = new Map(); // that the historian does not answer stands among the processes
    }
  }

  filter.addEventListener("input", paint);
  addShortcut("f", texts.keys.filter, () => filter.focus());
  live.subscribe([...roles.flatMap((role) => role.ids), ...points.filter((point) => /_(cycle_percent|overruns)$/.test(point.name)).map((point) => point.id)]);
  live.listen((told) => {
    if (told.links || told.status) paint();
  });
  const every = (/** @type {number} */ ms, /** @type {() => unknown} */ action) => setInterval(() => document.hidden || action(), ms);
  every(1_000, paint);
  every(DEVICES_MS, readDevices);
  every(CHANGES_MS, readChanges);
  every(PROCESSES_MS, processes.read);
  await Promise.all([readDevices(), readChanges(), processes.read()]);
  paint();
  return { title: texts.title, subtitle: "" };
});

/** The points in which all roles say how they are. */
async function ownPoints() {
  /** @type {import("./types.js").Point[]} */
  const found = [];
  for (;;) {
    const page = await get("points", { device: OWN_DEVICE, limit: PAGE, offset: found.length });
    found.push(...page.points);
    if (found.length >= page.total || !page.points.length) return found;
  }
}

/**
 * @param {Change | undefined} change
 * @param {Standing["state"]} state
 * @param {number} now
 * @param {number | undefined} uptime of the gateway, s
 */
function sinceWords(change, state, now, uptime) {
  if (state === "unknown") return "—";
  const isFitting = change !== undefined && (change.kind === "device_lost") === (state === "down");
  const age = isFitting ? now - parseMoment(change.time) : Infinity;
  const most = uptime === undefined ? Infinity : uptime * 1e6; // a gateway that was started connects anew
  const shown = Math.min(age, most);
  return Number.isFinite(shown) ? formatAge(shown) : "—";
}

/** The processes of the center that have no points of their own. */
function startProcesses() {
  const { columns, names, up, down, notAsked } = texts.process;
  const numeric = new Set(["answer", "cpu", "memory", "lag", "uptime"]);
  const head = Object.entries(columns).map(([name, title]) => make("th", { scope: "col", ...(numeric.has(name) ? { class: "right" } : {}) }, title));
  const body = make("tbody");
  const element = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": texts.processes }, make("table", {}, make("thead", {}, make("tr", {}, ...head)), body));
  let wrong = 0;
  const words = (/** @type {number | null} */ value, digits = 0) => (value === null ? "—" : formatNumber(value, digits));
  return {
    element,
    wrong: () => wrong,
    async read() {
      try {
        const { processes } = await get("health");
        wrong = processes.filter((/** @type {any} */ one) => !one.is_up).length;
        body.replaceChildren(
          ...processes.map((/** @type {any} */ one) =>
            make(
              "tr",
              { "data-process": one.name, "data-wrong": String(!one.is_up) },
              make("th", { scope: "row" }, names[one.name] ?? one.name),
              make("td", {}, make("span", { class: "device-state", "data-state": one.is_up ? "up" : "down" }, one.is_up ? up : down)),
              make("td", { class: "right number" }, words(one.answers_ms, 1)),
              make("td", { class: "right number" }, words(one.cpu_percent)),
              make("td", { class: "right number" }, words(one.memory_mb)),
              make("td", { class: "right number" }, words(one.loop_lag_ms)),
              make("td", { class: "right number" }, one.uptime_s === null ? "—" : formatAge(one.uptime_s * 1e6)),
              make("td", {}, one.words),
            ),
          ),
        );
      } catch {
        wrong = 1;
        body.replaceChildren(make("tr", { "data-wrong": "true" }, make("td", { colspan: "8" }, notAsked)));
      }
    },
  };
}
