/**
 * Switching programs: what their steps do, the run that is under way, and what a person may do with it.
 * @module
 */

import { pointAddress } from "./addresses.js";
import { get, getPointsById } from "./api.js";
import { watchControl } from "./control-watch.js";
import { byId, make, setText } from "./dom.js";
import { formatRecent, parseMoment } from "./format.js";
import { send } from "./login/requests.js";
import { orderOf } from "./orders.js";
import { showPlace, startPage } from "./page.js";
import { runActions } from "./program-run.js";
import { refuseHeldKeys } from "./held-keys.js";
import { texts as operateTexts } from "./texts/operate.js";
import { texts } from "./texts/programs.js";
import { ValueCell } from "./value-cell.js";

const SIGNS = { pending: "○", checking: "◐", executing: "◐", verifying: "◐", pausing: "◐", done: "✓", failed: "✗" };
const MOST_RUNS = 20;

/** @typedef {import("./types.js").Run} Run */
/** @typedef {import("./types.js").ProgramDetails} ProgramDetails */

void startPage(async (live, _, context) => {
  const { identity } = context;
  const control = watchControl(live);
  const list = make("ul", { class: "programs" });
  const none = make("p", { class: "empty" }, texts.none);
  const title = make("h2", {}, texts.choose);
  const description = make("p", { class: "description" });
  const failure = make("p", { class: "failure", role: "alert" });
  const standing = make("p", { class: "standing", role: "status" });
  const words = make("p", { class: "words" });
  const buttons = make("div", { class: "buttons" });
  const steps = make("ol", { class: "program-steps" });
  const runs = make("ul", { class: "runs" });
  const shown = make("div", { class: "scroll body", tabindex: "0", role: "region", "aria-label": texts.steps }, description, standing, words, buttons, failure, steps);
  const main = byId("main");
  main.append(
    make("section", { class: "panel", "aria-label": texts.list }, make("h2", {}, texts.list), make("div", { class: "scroll", tabindex: "-1" }, list, none)),
    make("section", { class: "panel program" }, title, shown),
    make("section", { class: "panel" }, make("h2", {}, texts.runs), make("div", { class: "scroll body", tabindex: "0", role: "region", "aria-label": texts.runs }, runs)),
  );
  refuseHeldKeys(main);
  const query = new URLSearchParams(location.search);
  let chosen = query.get("program") ?? "";
  let chosenRun = query.get("run") ?? "";
  /** @type {Map<string, ProgramDetails>} */ const details = new Map();
  /** @type {Map<number, import("./types.js").Point>} */ let points = new Map();
  /** @type {ValueCell[]} */ let cells = [];
  let asking = "";
  let endWatch = () => {};

  /** @param {string} name */
  const choose = async (name) => {
    if (chosen !== name) chosenRun = "";
    chosen = name;
    asking = "";
    history.replaceState(null, "", `?program=${name}${chosenRun ? `&run=${chosenRun}` : ""}`);
    setText(failure, "");
    try {
      if (!details.has(name)) details.set(name, await get(`details/programs/${name}`));
      const program = details.get(name);
      points = await getPointsById([...new Set((program?.steps ?? []).flatMap((step) => [step.point, ...step.inputs]))]);
      endWatch();
      endWatch = live.watch(points.keys());
    } catch (error) {
      setText(failure, error instanceof Error ? error.message : String(error));
    }
    painted = "";
    paint();
  };
  /** The run that is shown: the one asked for, or that which is not over, or the newest. */
  const runOf = (/** @type {string} */ name) => {
    const of = (control.state?.runs ?? []).filter((run) => run.program === name);
    return of.find((run) => run.id === chosenRun) ?? of.find((run) => !isOver(run)) ?? null;
  };
  let painted = "";
  const paint = () => {
    const state = control.state;
    const programs = state?.programs ?? [];
    const open = (state?.runs ?? []).filter((run) => !isOver(run));
    showPlace({ title: texts.title, subtitle: texts.subtitle(programs.length, open.length) }, context.utility);
    none.hidden = programs.length > 0 || !state;
    if (control.failure) setText(failure, control.failure);
    const run = runOf(chosen);
    const next = [chosen, asking, live.state, ...programs.map((program) => program.name), ...(state?.runs ?? []).map((one) => `${one.id}${one.changed}${one.state}`), ...(state?.operations ?? []).map((one) => `${one.id}${one.outcome?.result}`), ...(state?.selections ?? []).map((one) => `${one.id}${one.is_ready}`)].join();
    if (next === painted) return;
    painted = next;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.key : undefined;
    list.replaceChildren(
      ...programs.map((program) => {
        const current = open.find((one) => one.program === program.name);
        const button = make("button", { type: "button", "data-key": `program ${program.name}` }, make("b", {}, program.title), make("span", { class: "words" }, current ? texts.standing(texts.states[current.state], Math.min(current.step + 1, current.steps.length), current.steps.length) : texts.stepCount(program.steps.length)));
        if (program.name === chosen) button.setAttribute("aria-current", "true");
        button.addEventListener("click", () => void choose(program.name));
        return make("li", {}, button);
      }),
    );
    const program = details.get(chosen);
    if (program) paintProgram(program, run);
    if (focused) /** @type {HTMLElement | null} */ (main.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus();
  };

  /**
   * @param {ProgramDetails} program
   * @param {Run | null} run
   */
  const paintProgram = (program, run) => {
    setText(title, program.title);
    setText(description, program.description);
    standing.dataset.state = run?.state ?? "none";
    setText(standing, run ? `${texts.standing(texts.states[run.state], Math.min(run.step + 1, run.steps.length), run.steps.length)}. ${texts.ledBy(run.person, formatRecent(parseMoment(run.started), live.now()))}` : "");
    setText(words, run?.words ?? "");
    paintButtons(program, run);
    cells = [];
    steps.replaceChildren(...program.steps.map((step, index) => makeStep(step, index, run)));
    const earlier = (control.state?.runs ?? []).filter((one) => one.program === program.name).slice(0, MOST_RUNS);
    runs.replaceChildren(...(earlier.length ? earlier.map((one) => makeRun(one, one === run)) : [make("li", { class: "none" }, texts.noRuns)]));
    paintValues();
  };

  /**
   * @param {ProgramDetails} program
   * @param {Run | null} run
   */
  const paintButtons = (program, run) => {
    buttons.replaceChildren();
    const isLive = live.state === "live";
    const operation = run ? control.state?.operations.find((one) => one.id === run.steps[run.step]?.command) : undefined;
    const selection = control.state?.selections.find((one) => run?.words.includes(one.id));
    const actions = runActions({ program, run, person: identity.person, isLive, outcome: operation?.outcome ?? null, selection: selection ?? null });
    if (!program.may_lead) buttons.append(make("p", { class: "words" }, program.may_stop ? texts.mayStopOnly : texts.mayNot(program.why_not)));
    else if (!isLive) buttons.append(make("p", { class: "words" }, texts.cut));
    if (actions.includes("repeat")) buttons.append(make("p", { class: "words" }, texts.unknown));
    if (asking && actions.includes(/** @type {any} */ (asking))) {
      const isStart = asking === "start";
      buttons.append(make("p", { class: "words ask" }, isStart ? texts.startWhat(program.title) : texts.abandonWhat), makeButton(isStart ? texts.startNow : texts.abandonNow, `${asking} now`, () => act(program, run, asking), true), makeButton(texts.notNow, "not now", async () => ask(""), false));
      return;
    }
    for (const action of actions) {
      const isAsked = action === "start" || action === "abandon";
      buttons.append(makeButton(texts[action], action, isAsked ? async () => ask(action) : () => act(program, run, action), action !== "stop" && action !== "abandon"));
    }
  };
  /** @param {string} what */
  const ask = (what) => {
    asking = what;
    painted = "";
    paint();
    /** @type {HTMLElement | null} */ (buttons.querySelector(what ? `[data-key="${what} now"]` : "button"))?.focus();
  };
  /**
   * @param {ProgramDetails} program
   * @param {Run | null} run
   * @param {string} action
   */
  const act = async (program, run, action) => {
    asking = "";
    if (action === "start") {
      const begun = await send("POST", `control/programs/${program.name}/start`);
      chosenRun = begun.id;
    } else if (action === "approve") {
      const selection = control.state?.selections.find((one) => run?.words.includes(one.id));
      if (selection) await send("POST", "control/approve", { selection: selection.id });
    } else if (run) {
      const unknown = action === "repeat" || action === "done" ? action : "";
      await send("POST", `control/runs/${run.id}/${unknown ? "resume" : action}`, { unknown });
    }
    await control.refresh();
  };
  /**
   * @param {string} text
   * @param {string} key
   * @param {() => Promise<void>} work
   * @param {boolean} isStrong
   */
  const makeButton = (text, key, work, isStrong) => {
    const button = make("button", { type: "button", class: isStrong ? "button strong" : "button", "data-key": key }, text);
    button.addEventListener("click", async (event) => {
      if (event.detail > 1 || button.disabled) return;
      button.disabled = true;
      setText(failure, "");
      try {
        await work();
      } catch (error) {
        setText(failure, error instanceof Error ? error.message : String(error));
      }
      button.disabled = false;
      painted = "";
      paint();
    });
    return button;
  };
  /**
   * @param {ProgramDetails["steps"][number]} step
   * @param {number} index
   * @param {Run | null} run
   */
  const makeStep = (step, index, run) => {
    const state = run?.steps[index]?.state ?? "pending";
    const point = points.get(step.point);
    const isNow = run !== null && run.step === index && !isOver(run);
    const operation = control.state?.operations.find((one) => one.id === run?.steps[index]?.command);
    const attempt = run?.steps[index]?.attempt ?? 0;
    /** @type {[string, string][]} */
    const conditions = [
      [texts.before, step.before ? texts.within(step.before, step.before_s) : ""],
      [texts.after, step.after ? texts.within(step.after, step.after_s) : ""],
    ];
    const values = [...new Set([step.point, ...step.inputs])].flatMap((id) => points.get(id) ?? []).map((one) => new ValueCell(one));
    cells.push(...values);
    const asked = [step.confirm ? texts.needsConfirm : "", step.pause_s ? texts.pause(step.pause_s) : ""].filter(Boolean).join(", ");
    const told = [run?.steps[index]?.words ?? "", operation?.outcome ? `${operateTexts.results[operation.outcome.result]}${operation.outcome.reason ? `: ${operation.outcome.reason}` : ""}` : ""].filter(Boolean);
    return make(
      "li",
      { "data-state": run ? state : "none", ...(isNow ? { "aria-current": "step" } : {}) },
      make("b", { class: "sign", "aria-hidden": "true" }, run ? SIGNS[state] : String(index + 1)),
      make(
        "div",
        {},
        make("p", { class: "step-text" }, step.text, ...(asked ? [make("small", {}, asked)] : [])),
        make("p", { class: "order" }, make("a", { href: pointAddress(step.path), "data-key": `step ${index}` }, step.path), point ? ` ${orderOf(point, step.value)}` : ` ${step.value}`),
        ...conditions.filter(([, said]) => said).map(([name, said]) => make("p", { class: "condition" }, make("span", {}, name), make("code", {}, said))),
        ...(isNow ? [make("ul", { class: "values" }, ...values.map((cell) => make("li", {}, make("span", {}, cell.point.path), cell.element, cell.unit)))] : []),
        ...(run ? [make("p", { class: "step-state" }, texts.stepStates[state], ...(attempt > 1 ? [`, ${texts.attempt(attempt)}`] : []))] : []),
        ...told.map((text) => make("p", { class: "told" }, text)),
      ),
    );
  };
  /**
   * @param {Run} run
   * @param {boolean} isShown
   */
  const makeRun = (run, isShown) => {
    const button = make("button", { type: "button", "data-key": `run ${run.id}` }, make("b", {}, texts.states[run.state]), make("span", { class: "words" }, `${formatRecent(parseMoment(run.started), live.now())}, ${run.person}`), ...(run.words ? [make("span", { class: "words" }, run.words)] : []));
    if (isShown) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => {
      chosenRun = run.id;
      void choose(run.program);
    });
    return make("li", { "data-state": run.state }, button);
  };
  const paintValues = () => {
    for (const cell of cells) cell.paint(live.samples.get(cell.point.id), live.isStale(cell.point), live.now());
  };
  control.listen(paint);
  live.listen((changes) => {
    if (changes.links) paint();
    if (changes.links || changes.points.size) paintValues();
  });
  document.addEventListener("zonechange", () => {
    painted = "";
    paint();
  });
  await control.refresh();
  const asked = control.state?.runs.find((run) => run.id === chosenRun)?.program;
  const first = asked || chosen || control.state?.runs.find((run) => !isOver(run))?.program || control.state?.programs[0]?.name;
  if (first) {
    chosen = first;
    await choose(first);
  } else paint();
});

/** @param {Run} run */
function isOver(run) {
  return run.state === "done" || run.state === "abandoned";
}
