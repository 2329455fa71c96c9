/**
 * Remote access: sessions that run and can be cut, grants that wait for a second person, and the form to ask for one.
 * @module
 */

import { get } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { formatAge, formatNumber, formatRecent, parseMoment } from "./format.js";
import { makeFactorPanel } from "./login/factors.js";
import { send } from "./login/requests.js";
import { showPlace, startPage } from "./page.js";
import { makeAction } from "./supervision.js";
import { texts } from "./texts/remote.js";

/**
 * @typedef {object} Grant
 * @property {string} id
 * @property {string} person
 * @property {string} reason
 * @property {string} site
 * @property {string} device
 * @property {string} service
 * @property {"asked" | "approved" | "refused" | "ended"} state
 * @property {string} asked
 * @property {string} begin
 * @property {string} end
 * @property {string} decided_by
 * @property {string} words
 * @property {boolean} may_approve
 * @property {boolean} may_cut
 * @property {boolean} may_use
 */

/**
 * @typedef {object} Session
 * @property {string} id
 * @property {string} grant
 * @property {string} person
 * @property {string} reason
 * @property {string} site
 * @property {string} device
 * @property {string} service
 * @property {string} address
 * @property {"opening" | "open" | "closed"} state
 * @property {string} opened
 * @property {string} end
 * @property {string | null} closed
 * @property {string} words
 * @property {number} up_bytes
 * @property {number} down_bytes
 * @property {boolean} may_cut
 */

/** @typedef {{site: string, device: string, service: string, description: string}} Target */
/** @typedef {{door: string, longest_minutes: number, grants: Grant[], sessions: Session[], targets: Target[]}} State */

const PERIOD_MS = 1_000;
const MOST_GRANTS = 50;
const MOST_ENDED = 50;

/** @param {{site: string, device: string, service: string}} one */
const targetOf = (one) => `${one.site}/${one.device}/${one.service}`;

void startPage(async (live, _, context) => {
  const { identity } = context;
  const failure = make("p", { class: "failure", role: "alert" });
  const factor = make("div", { class: "factor" });
  const door = make("span");
  const running = makeTable(texts.sessionHeads, texts.running, new Set(["left", "up", "down", "actions"]));
  const grants = makeTable(texts.grantHeads, texts.grants, new Set(["actions"]));
  const ended = makeTable(texts.historyHeads, texts.history, new Set(["lasted", "up", "down"]));
  const isEnding = { value: false };
  const cutAll = makeAsked(texts.cutAll, texts.cutReason, texts.cutAll, failure, (reason) => change("remote/cut", { reason }));
  const panels = [
    make("section", { class: "panel running" }, make("h2", {}, texts.running, door), make("div", { class: "toolbar" }, cutAll), running.element, make("p", { class: "empty" }, texts.noSession)),
    make("section", { class: "panel grants" }, make("h2", {}, texts.grants, make("span", {}, texts.grantsHint)), factor, failure, grants.element, make("p", { class: "empty" }, texts.noGrant)),
    make("section", { class: "panel ended" }, make("h2", {}, texts.history), ended.element, make("p", { class: "empty" }, texts.noHistory)),
  ];
  const ask = makeForm();
  byId("main").append(...panels, ...(identity.may("ask_remote") ? [make("aside", { class: "panel", "aria-label": texts.askTitle }, make("h2", {}, texts.askTitle), ask.element)] : []));

  /** @param {string} path @param {object} [body] */
  async function change(path, body = {}) {
    await send("POST", path, body);
    await refresh();
  }

  /** @param {Grant} grant */
  async function approve(grant) {
    /** @type {import("./login/factors.js").SessionAnswer} */
    const session = await send("GET", "session");
    if (session.may_control) return change(`remote/grants/${grant.id}/approve`);
    const panel = makeFactorPanel(session, async () => {
      factor.replaceChildren();
      await change(`remote/grants/${grant.id}/approve`);
    });
    factor.replaceChildren(make("p", { class: "empty" }, texts.factor), panel);
    panel.querySelector("input")?.focus();
  }

  /** @param {Grant | Session} one @param {string} name @param {string} verb */
  const makeCut = (one, name, verb) =>
    makeAsked(verb, texts.cutReason, texts.act(verb, one.person, targetOf(one)), failure, (reason) => change("remote/cut", { name, reason }));

  /** @param {Session} one */
  const makeSession = (one) => [
    make("td", {}, texts.states[one.state]),
    make("td", { class: "target" }, targetOf(one)),
    make("td", {}, one.person),
    make("td", { class: "reason" }, one.reason),
    make("td", { class: "number" }, one.address),
    make("td", { class: "number right" }),
    make("td", { class: "number right" }),
    make("td", { class: "number right" }),
    make("td", { class: "actions" }, ...(one.may_cut ? [makeCut(one, one.id, texts.cut)] : [])),
  ];
  /** @param {Grant} one */
  const makeGrant = (one) => [
    make("td", {}, texts.states[one.state]),
    make("td", { class: "target" }, targetOf(one)),
    make("td", {}, one.person),
    make("td", { class: "reason" }, one.words ? `${one.reason} · ${one.words}` : one.reason),
    make("td", { class: "time" }, formatRecent(parseMoment(one.begin), live.now())),
    make("td", { class: "time" }, formatRecent(parseMoment(one.end), live.now())),
    make("td", {}, one.decided_by),
    make(
      "td",
      { class: "actions" },
      ...(one.may_approve
        ? [
            makeAction(texts.approve, failure, () => approve(one), texts.act(texts.approve, one.person, targetOf(one))),
            makeAsked(texts.refuse, texts.refuseReason, texts.act(texts.refuse, one.person, targetOf(one)), failure, (reason) => change(`remote/grants/${one.id}/refuse`, { reason })),
          ]
        : []),
      ...(one.may_use ? [make("code", { title: texts.connect }, texts.command(one.id))] : []),
      ...(one.may_cut && !one.may_approve ? [makeCut(one, one.id, one.person === identity.person ? texts.withdraw : texts.cut)] : []),
    ),
  ];
  /** @param {Session} one */
  const makeEnded = (one) => [
    make("td", { class: "time" }, formatRecent(parseMoment(one.closed), live.now())),
    make("td", { class: "target" }, targetOf(one)),
    make("td", {}, one.person),
    make("td", { class: "reason" }, one.words),
    make("td", { class: "number right" }, formatAge(parseMoment(one.closed) - parseMoment(one.opened))),
    make("td", { class: "number right" }, kilobytes(one.up_bytes)),
    make("td", { class: "number right" }, kilobytes(one.down_bytes)),
    make("td", {}, ...(identity.may("review_remote") ? [make("a", { class: "button", href: `/api/remote/sessions/${one.id}/recording`, "aria-label": `${texts.recording} ${one.id}` }, texts.recording)] : [])),
  ];

  /** @param {State} state */
  function paint(state) {
    const open = state.sessions.filter((one) => one.state !== "closed");
    const waiting = state.grants.filter((one) => one.state === "asked");
    showPlace({ title: texts.title, subtitle: texts.subtitle(open.length, waiting.length) }, context.utility);
    setText(door, texts.door(state.door));
    const rank = { asked: 0, approved: 1, refused: 2, ended: 2 };
    const shown = [...state.grants].sort((one, other) => rank[one.state] - rank[other.state]).slice(0, MOST_GRANTS);
    running.show(open, (one) => `${one.id} ${one.state} ${one.may_cut}`, makeSession);
    grants.show(shown, (one) => `${one.id} ${one.state} ${one.may_approve} ${one.may_cut} ${one.may_use}`, makeGrant);
    ended.show(state.sessions.filter((one) => one.state === "closed").slice(0, MOST_ENDED), (one) => one.id, makeEnded);
    for (const one of open) {
      const cells = running.cells(one.id);
      setText(cells[5], formatAge(Math.max(0, parseMoment(one.end) - live.now())));
      setText(cells[6], kilobytes(one.up_bytes));
      setText(cells[7], kilobytes(one.down_bytes));
    }
    cutAll.hidden = !open.some((one) => one.may_cut);
    ask.offer(state.targets, state.longest_minutes);
  }

  async function refresh() {
    try {
      paint(await get("remote"));
      if (isEnding.value) setText(failure, "");
      isEnding.value = false;
    } catch (error) {
      isEnding.value = true;
      setText(failure, error instanceof Error ? error.message : String(error));
    }
  }

  function makeForm() {
    const service = make("select", {});
    const reason = make("input", { type: "text", maxlength: "200", autocomplete: "off", placeholder: texts.reasonHint });
    const minutes = make("input", { type: "number", min: "1", value: "60", class: "right" });
    const wrong = make("p", { class: "failure", role: "alert" });
    const submit = make("button", { type: "submit", class: "button" }, texts.ask);
    const form = make("form", { class: "ask-form", novalidate: "" }, make("label", {}, texts.service, service), make("label", {}, texts.reason, reason), make("label", {}, texts.minutes, minutes), submit, wrong);
    let offered = "";
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      setText(wrong, "");
      if (!service.value) return setText(wrong, texts.noService);
      if (!reason.value.trim()) {
        reason.focus();
        return setText(wrong, texts.sayWhy);
      }
      const [site, device, name] = service.value.split("/");
      submit.disabled = true;
      try {
        await change("remote/grants", { site, device, service: name, reason: reason.value, minutes: Number(minutes.value) });
        reason.value = "";
      } catch (error) {
        setText(wrong, error instanceof Error ? error.message : String(error));
      }
      submit.disabled = false;
    });
    return {
      element: form,
      /** @param {Target[]} targets @param {number} longest */
      offer(targets, longest) {
        minutes.max = String(longest);
        const names = targets.map(targetOf);
        if (names.join() === offered) return;
        offered = names.join();
        const chosen = service.value;
        service.replaceChildren(make("option", { value: "" }, ""), ...targets.map((one) => make("option", { value: targetOf(one) }, one.description ? `${targetOf(one)} · ${one.description}` : targetOf(one))));
        if (names.includes(chosen)) service.value = chosen;
      },
    };
  }

  await refresh();
  setInterval(() => void refresh(), PERIOD_MS);
});

/** @param {number} bytes */
function kilobytes(bytes) {
  return formatNumber(bytes / 1_000, 1);
}

/**
 * A table whose rows are made anew only where they have changed.
 * @param {Record<string, string>} heads
 * @param {string} label
 * @param {Set<string>} right the columns that are aligned to the right
 */
function makeTable(heads, label, right) {
  const body = make("tbody");
  const columns = Object.entries(heads).map(([name, words]) => make("th", { scope: "col", ...(right.has(name) ? { class: "right" } : {}) }, words));
  const element = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, make("table", {}, make("thead", {}, make("tr", {}, ...columns)), body));
  /** @type {Map<string, {key: string, row: HTMLTableRowElement}>} */
  let kept = new Map();
  return {
    element,
    /** @param {string} id */
    cells: (id) => [...(kept.get(id)?.row.cells ?? [])],
    /**
     * @template {{id: string}} T
     * @param {T[]} items
     * @param {(item: T) => string} keyOf what a row is made of
     * @param {(item: T) => Node[]} makeCells
     */
    show(items, keyOf, makeCells) {
      const before = [...kept].map(([id, one]) => `${id} ${one.key}`).join("\n");
      /** @type {typeof kept} */
      const next = new Map();
      for (const item of items) {
        const key = keyOf(item);
        const known = kept.get(item.id);
        next.set(item.id, known?.key === key ? known : { key, row: make("tr", { "data-id": item.id }, ...makeCells(item)) });
      }
      kept = next;
      element.hidden = items.length === 0;
      if ([...kept].map(([id, one]) => `${id} ${one.key}`).join("\n") !== before) body.replaceChildren(...[...kept.values()].map((one) => one.row));
    },
  };
}

/**
 * A button that asks for a reason in its place, and then does it.
 * @param {string} verb
 * @param {string} hint
 * @param {string} label
 * @param {HTMLElement} failure
 * @param {(reason: string) => Promise<unknown>} act
 */
function makeAsked(verb, hint, label, failure, act) {
  const place = make("span", { class: "asked" });
  const open = make("button", { type: "button", class: "button", "aria-label": label }, verb);
  const reason = make("input", { type: "text", maxlength: "200", autocomplete: "off", "aria-label": hint, placeholder: hint });
  const close = () => place.replaceChildren(open);
  const sure = makeAction(
    verb,
    failure,
    async () => {
      await act(reason.value);
      reason.value = "";
      close();
    },
    label,
  );
  const keep = make("button", { type: "button", class: "button" }, texts.keep);
  keep.addEventListener("click", () => {
    close();
    open.focus();
  });
  open.addEventListener("click", () => {
    place.replaceChildren(reason, sure, keep);
    reason.focus();
  });
  place.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === reason && !event.repeat) sure.click();
    else if (event.key === "Escape" && reason.isConnected) keep.click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  place.append(open);
  return place;
}
