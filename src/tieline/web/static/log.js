/**
 * The system's log: audit records of who did what, and what the roles of this machine log.
 * @module
 */

import { get } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatExact, formatExactMoment } from "./exact-time.js";
import { startPage } from "./page.js";
import { makeRange } from "./range-filter.js";
import { addShortcut } from "./shortcuts.js";
import { texts } from "./texts/log.js";
import { VirtualRows } from "./virtual-rows.js";

const PAGE = 300;
const WAIT_MS = 300;

/** @typedef {{site: string, sequence: number, time_us: number, actor: string, action: string, target: string, outcome: string, detail: Record<string, unknown>}} AuditRecord */
/** @typedef {{time: string | null, time_us: number, source: string, role: string, level: string, event: string, fields: Record<string, unknown>, number: number}} LogLine */

void startPage(async (live, sites) => {
  const query = new URLSearchParams(location.search);
  let tab = query.get("tab") === "logs" ? "logs" : "audit";
  const audit = makeAudit(live, sites, query, remember);
  const logs = makeLogs(live, query, remember);
  const parts = { audit, logs };
  const buttons = Object.fromEntries(
    /** @type {const} */ (["audit", "logs"]).map((name) => {
      const button = make("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": name }, texts.tabs[name]);
      button.addEventListener("click", () => choose(name));
      return [name, button];
    }),
  );
  const tablist = make("div", { class: "tabs", role: "tablist", "aria-label": texts.tabs.label }, buttons.audit, buttons.logs);
  tablist.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowRight" && event.key !== "ArrowLeft") return;
    choose(tab === "audit" ? "logs" : "audit");
    buttons[tab].focus();
  });
  byId("main").append(make("section", { class: "panel" }, tablist, audit.element, logs.element));
  addShortcut("f", texts.keys.filter, () => parts[/** @type {"audit"} */ (tab)].focus());

  /** @param {"audit" | "logs"} name */
  function choose(name) {
    tab = name;
    for (const [one, button] of Object.entries(buttons)) {
      button.setAttribute("aria-selected", String(one === tab));
      button.tabIndex = one === tab ? 0 : -1;
    }
    audit.element.hidden = name !== "audit";
    logs.element.hidden = name !== "logs";
    remember();
    void parts[name].read();
  }
  function remember() {
    const said = tab === "logs" ? { tab, ...logs.query() } : audit.query();
    history.replaceState(null, "", `?${new URLSearchParams(said)}`);
  }
  choose(/** @type {"audit"} */ (tab));
  return { title: texts.title, subtitle: texts.subtitle };
});

/**
 * @param {import("./live.js").Live} live
 * @param {import("./types.js").Site[]} sites
 * @param {URLSearchParams} query
 * @param {() => void} onChange
 */
function makeAudit(live, sites, query, onChange) {
  const say = texts.audit;
  /** @type {number | undefined} */
  let typing;
  const changed = () => {
    onChange();
    void read();
  };
  const typed = () => {
    clearTimeout(typing);
    typing = window.setTimeout(changed, WAIT_MS);
  };
  const fields = Object.fromEntries(
    /** @type {const} */ (["person", "action", "target", "outcome"]).map((name) => {
      const field = make("input", { type: "search", class: name, placeholder: say[name], "aria-label": say[name], maxlength: "200" });
      field.value = query.get(name) ?? "";
      field.addEventListener("input", typed);
      return [name, field];
    }),
  );
  const titles = new Map([...Object.entries(say.places), ...sites.map((site) => /** @type {[string, string]} */ ([site.name, site.title]))]);
  const place = make("select", { "aria-label": say.place }, make("option", { value: "" }, say.everyPlace), ...[...titles].map(([value, words]) => make("option", { value }, words)));
  place.value = query.get("site") ?? "";
  place.addEventListener("change", changed);
  const range = makeRange(query, changed);
  const found = make("span", { class: "found", role: "status" });
  const failure = make("span", { class: "failure", role: "alert" });
  const empty = make("p", { class: "empty", hidden: "" }, say.empty);
  const seen = make("p", { class: "seen" });
  /** @type {AuditRecord[]} */
  let records = [];
  /** @type {string | null} */
  let before = null;
  let isLoading = false;
  let asking = new AbortController();
  const rows = new VirtualRows({
    label: say.label,
    columns: Object.entries(say.columns).map(([name, title]) => ({ name, title })),
    key: (/** @type {AuditRecord} */ record) => `${record.site} ${record.sequence} ${record.time_us}`,
    paint(element, cells, record) {
      const [time, site, actor, action, target, outcome, detail] = cells;
      element.dataset.outcome = record.outcome;
      setText(time, formatExact(record.time_us, live.now()));
      time.title = formatExactMoment(record.time_us);
      setText(site, record.site);
      setText(actor, record.actor);
      setText(action, record.action.replaceAll("_", " "));
      setText(target, record.target);
      target.title = record.target;
      setText(outcome, record.outcome);
      setText(detail, inWords(record.detail));
      detail.title = inWords(record.detail);
    },
    change: () => {
      if (before !== null && !isLoading && rows.isNearEnd) void more();
    },
  });
  rows.element.classList.add("audit-rows");
  const element = make(
    "div",
    { id: "audit", class: "list", role: "tabpanel", "aria-labelledby": "tab-audit" },
    make("div", { class: "toolbar" }, ...Object.values(fields), place, ...range.elements, found, failure),
    seen,
    rows.element,
    empty,
  );
  const filters = () => {
    const pairs = [...Object.entries(fields).map(([name, field]) => [name, field.value.trim()]), ["site", place.value]];
    return { ...Object.fromEntries(pairs.filter(([, value]) => value)), ...range.query() };
  };

  async function read() {
    asking.abort();
    asking = new AbortController();
    records = [];
    before = null;
    rows.element.scrollTop = 0;
    await more();
  }
  async function more() {
    const { signal } = asking;
    isLoading = true;
    setText(found, texts.loading);
    try {
      const answer = await get("audit", { ...filters(), limit: PAGE, ...(before === null ? {} : { before }) }, signal);
      records = [...records, ...answer.records];
      before = answer.before;
      setText(failure, answer.missing.join("; "));
      setText(seen, say.seen(answer.audits));
    } catch (error) {
      if (signal.aborted) return;
      before = null;
      setText(failure, error instanceof Error ? error.message : String(error));
    }
    isLoading = false;
    rows.setItems(records);
    rows.element.hidden = records.length === 0;
    empty.hidden = records.length > 0;
    setText(found, say.found(records.length, before === null));
  }
  document.addEventListener("zonechange", () => rows.repaint());
  return { element, read, query: filters, focus: () => fields.person.focus() };
}

/**
 * @param {import("./live.js").Live} live
 * @param {URLSearchParams} query
 * @param {() => void} onChange
 */
function makeLogs(live, query, onChange) {
  const say = texts.logs;
  const changed = () => {
    onChange();
    void read();
  };
  const level = make("select", { "aria-label": say.level }, ...Object.entries(say.levels).map(([value, words]) => make("option", { value }, words)));
  level.value = query.get("level") ?? "warning";
  if (level.selectedIndex < 0) level.value = "warning";
  const source = make("select", { "aria-label": say.source }, make("option", { value: "" }, say.everySource));
  const text = make("input", { type: "search", placeholder: say.text, "aria-label": say.text, maxlength: "200" });
  text.value = query.get("text") ?? "";
  const again = make("button", { type: "button", class: "button" }, say.refresh);
  const found = make("span", { class: "found", role: "status" });
  const failure = make("span", { class: "failure", role: "alert" });
  const missing = make("ul", { class: "missing" });
  const empty = make("p", { class: "empty", hidden: "" }, say.empty);
  const rows = new VirtualRows({
    label: say.label,
    columns: Object.entries(say.columns).map(([name, title]) => ({ name, title })),
    key: (/** @type {LogLine} */ line) => String(line.number),
    paint(element, cells, line) {
      const [time, log, role, severity, event, detail] = cells;
      element.dataset.level = line.level;
      setText(time, line.time === null ? "—" : formatExact(line.time_us, live.now()));
      setText(log, line.source);
      setText(role, line.role);
      setText(severity, line.level);
      setText(event, line.event);
      event.title = line.event;
      setText(detail, inWords(line.fields));
      detail.title = inWords(line.fields);
    },
  });
  rows.element.classList.add("log-rows");
  const element = make("div", { id: "logs", class: "list", role: "tabpanel", "aria-labelledby": "tab-logs" }, make("div", { class: "toolbar" }, level, source, text, again, found, failure), missing, rows.element, empty);
  const filters = () => Object.fromEntries(Object.entries({ level: level.value, source: source.value, text: text.value.trim() }).filter(([, value]) => value));

  async function read() {
    setText(found, texts.loading);
    try {
      const answer = await get("logs", filters());
      failure.textContent = "";
      for (const { name } of answer.sources) if (![...source.options].some((option) => option.value === name)) source.append(make("option", { value: name }, name));
      missing.replaceChildren(...answer.sources.filter((/** @type {any} */ one) => !one.is_read).map((/** @type {any} */ one) => make("li", {}, say.missing(one.name, one.words))));
      show(answer.lines.map((/** @type {any} */ line, /** @type {number} */ number) => ({ ...line, number })));
    } catch (error) {
      setText(failure, error instanceof Error ? error.message : String(error));
      show([]);
    }
  }
  /** @param {LogLine[]} lines */
  function show(lines) {
    rows.setItems(lines);
    rows.element.hidden = lines.length === 0;
    empty.hidden = lines.length > 0;
    setText(found, say.found(lines.length));
  }
  const wanted = query.get("source");
  if (wanted) source.append(make("option", { value: wanted }, wanted));
  source.value = wanted ?? "";
  /** @type {number | undefined} */
  let typing;
  text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = window.setTimeout(changed, WAIT_MS);
  });
  for (const field of [level, source]) field.addEventListener("change", changed);
  again.addEventListener("click", changed);
  document.addEventListener("zonechange", () => rows.repaint());
  return { element, read, query: filters, focus: () => text.focus() };
}

/** @param {Record<string, unknown>} fields */
function inWords(fields) {
  return Object.entries(fields)
    .filter(([, value]) => value !== "" && value !== null)
    .map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
}
