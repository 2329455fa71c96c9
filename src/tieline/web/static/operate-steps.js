/**
 * Operating one point in three visible steps: select, confirm, outcome.
 *
 * A selection belongs to a person and not to a screen: one that was made a moment ago, here before a reload or on another screen, is shown
 * and can be gone on with. Nothing is executed by a second click of a double click, nor by a key that is held down.
 * @module
 */

import { watchControl } from "./control-watch.js";
import { make, setText } from "./dom.js";
import { formatNumber, formatRecent, parseMoment } from "./format.js";
import { refuseHeldKeys } from "./held-keys.js";
import { makeFactorPanel } from "./login/factors.js";
import { send } from "./login/requests.js";
import { inOrder, phaseOf, problemOf, progressOf } from "./operate-phase.js";
import { aimOf, orderOf, statesOf } from "./orders.js";
import { isDiscrete, stateOf } from "./states.js";
import { makeSwitchSymbol } from "./switch-symbol.js";
import { texts } from "./texts/operate.js";
import { ValueCell } from "./value-cell.js";

/** So long after it became possible nothing can be executed: what is pressed then was meant for something else. */
const SETTLE_MS = 300;
const SIGNS = { met: "✓", refused: "✗", open: "…", noted: "·" };

/** @typedef {import("./types.js").Point} Point */
/** @typedef {import("./types.js").Selection} Selection */
/** @typedef {import("./types.js").Operation} Operation */

export class OperateSteps {
  /** @type {Point | null} */ #point = null;
  /** @type {import("./types.js").Writing | null} */ #writing = null;
  /** @type {ValueCell | null} shows the effect */ #feedback = null;
  /** @type {Selection | null} the newest answer to an own wish */ #own = null;
  #isOwnSeen = false;
  /** @type {Set<string>} selections that were executed or given up here */ #ended = new Set();
  /** @type {Operation | null} what was released here */ #released = null;
  /** @type {number | null} where a setpoint stood when it was first seen under way */ #from = null;
  #underWay = "";
  #isSending = false;
  #isStopping = false;
  #said = "";
  #readySince = Infinity;
  #factorOf = "";
  #isTouched = false;
  #painted = "";
  #live;
  #identity;
  #control;

  #legend = make("legend", {}, texts.value);
  #choice = make("fieldset", { class: "choice" }, this.#legend);
  #problem = make("p", { class: "problem", role: "status" });
  #reason = make("input", { type: "text", maxlength: "200", autocomplete: "off", placeholder: texts.reasonHint });
  #select = make("button", { type: "submit", class: "button strong" }, texts.select);
  #asked = make("ul", { class: "asked" });
  #form = make("form", { novalidate: "" }, this.#choice, this.#problem, make("label", {}, texts.reason, this.#reason), make("div", { class: "buttons" }, this.#select), this.#asked);
  #what = make("p", { class: "what" });
  #standing = make("p", { class: "standing", role: "status" });
  #left = make("span", { class: "left" });
  #bar = make("i");
  #countdown = make("p", { class: "countdown", hidden: "" }, make("span", { class: "bar", "aria-hidden": "true" }, this.#bar), this.#left);
  #execute = make("button", { type: "button", class: "button strong execute" }, texts.execute);
  #cancel = make("button", { type: "button", class: "button" }, texts.cancel);
  #approve = make("button", { type: "button", class: "button strong" }, texts.approve);
  #failure = make("p", { class: "failure", role: "alert" });
  #verdicts = make("ul", { class: "verdicts", "aria-label": texts.checks });
  #factor = make("div", { class: "factor" });
  #confirmTitle = make("h3", { tabindex: "-1" }, make("b", {}, "2"), texts.steps.confirm);
  #outcome = make("p", { class: "outcome", role: "status" });
  #by = make("p", { class: "by" });
  #way = make("i");
  #progress = make("p", { class: "progress", hidden: "" }, make("span", { class: "bar", "aria-hidden": "true" }, this.#way), make("span", { class: "words" }));
  #stop = make("button", { type: "button", class: "button strong" }, texts.stop);
  #effect = make("p", { class: "effect" });
  element = make(
    "div",
    { class: "operate-steps" },
    make("div", { class: "step", role: "group", "data-step": "select", "aria-label": texts.steps.select }, make("h3", {}, make("b", {}, "1"), texts.steps.select), this.#form),
    make("div", { class: "step", role: "group", "data-step": "confirm", "aria-label": texts.steps.confirm }, this.#confirmTitle, this.#what, this.#standing, this.#countdown, make("div", { class: "buttons" }, this.#execute, this.#approve, this.#cancel), this.#failure, this.#factor, this.#verdicts),
    make("div", { class: "step", role: "group", "data-step": "outcome", "aria-label": texts.steps.outcome }, make("h3", {}, make("b", {}, "3"), texts.steps.outcome), this.#outcome, this.#progress, make("div", { class: "buttons" }, this.#stop), this.#by, this.#effect),
  );

  /**
   * @param {import("./live.js").Live} live
   * @param {import("./identity.js").Identity} identity
   */
  constructor(live, identity) {
    this.#live = live;
    this.#identity = identity;
    this.#control = watchControl(live);
    this.#control.listen(() => this.paint());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#doSelect();
    });
    this.#form.addEventListener("input", (event) => {
      if (event.target !== this.#reason) this.#isTouched = true;
      this.paint();
    });
    // a wheel over a focused number would change it without anybody meaning it
    this.#form.addEventListener("wheel", () => document.activeElement instanceof HTMLInputElement && document.activeElement.type === "number" && document.activeElement.blur(), { passive: true });
    refuseHeldKeys(this.element);
    this.#execute.addEventListener("click", (event) => {
      if (event.detail > 1) return;
      void this.#doExecute();
    });
    this.#cancel.addEventListener("click", () => void this.giveUp());
    this.#approve.addEventListener("click", () => void this.#doApprove());
    this.#stop.addEventListener("click", () => void this.#doStop());
  }

  /**
   * The point that is operated from now on; what was held for another one is given up.
   * @param {Point} point
   * @param {import("./types.js").Writing} writing
   * @param {Point | null} feedback
   */
  show(point, writing, feedback) {
    void this.giveUp();
    this.#point = point;
    this.#writing = writing;
    this.#feedback = feedback ? new ValueCell(feedback) : null;
    this.#own = this.#released = null;
    this.#from = null;
    this.#said = this.#painted = this.#underWay = "";
    this.#isTouched = false;
    this.#reason.value = "";
    setText(this.#failure, "");
    this.#factor.replaceChildren();
    this.#choice.replaceChildren(this.#legend, ...(isDiscrete(point) ? statesOf(point).map((value) => this.#makeState(point, value)) : this.#makeNumber(point, writing)));
    this.#asked.replaceChildren(...this.#askedFor(point, writing).map((words) => make("li", {}, words)));
    this.#effect.replaceChildren(...(this.#feedback && writing.feedback_s !== null ? [make("span", {}, this.#feedback.point.name), this.#feedback.element, make("span", { class: "unit" }, this.#feedback.point.unit)] : []));
    this.#effect.title = feedback && writing.feedback_s !== null ? texts.feedback(feedback.path, writing.feedback_s) : "";
    this.#form.hidden = !writing.may_operate;
    this.paint();
  }

  /** Nothing is operated any more; what is held is given up. */
  clear() {
    void this.giveUp();
    this.#point = null;
    this.#choice.replaceChildren(this.#legend);
  }

  /** Whether this person holds the point. */
  get isHolding() {
    const selection = this.#selection();
    return selection !== null && !selection.is_refused && selection.requester === this.#identity.person && this.#leftOf(selection) > 0;
  }

  /**
   * Gives up what is held; says whether anything was.
   * @returns {Promise<boolean>}
   */
  async giveUp() {
    const selection = this.#selection();
    if (!selection || !this.isHolding) return false;
    this.#ended.add(selection.id);
    this.#own = null;
    this.#said = texts.cancelled;
    this.paint();
    if (this.#cancel.offsetParent === null && this.element.isConnected) this.#focusChoice();
    try {
      await send("POST", "control/cancel", { selection: selection.id });
    } catch {
      this.#said = texts.notCancelled;
      this.paint();
    }
    return true;
  }

  /** Shows how things stand now; called whenever something changed, and several times a second. */
  paint() {
    const point = this.#point;
    const writing = this.#writing;
    if (!point || !writing) return;
    const selection = this.#selection();
    const newest = this.#newest();
    const phase = phaseOf({
      person: this.#identity.person,
      connection: this.#live.state,
      link: this.#live.sites.get(point.site)?.link ?? "waiting",
      writing,
      selection,
      newest,
      leftS: selection ? this.#leftOf(selection) : 0,
      isSending: this.#isSending,
    });
    if (phase.name !== "none" && phase.name !== "refused") this.#said = phase.name === "ready" || phase.name === "under_way" ? "" : this.#said;
    if (!phase.canExecute) this.#readySince = Infinity;
    else if (this.#readySince === Infinity) {
      this.#readySince = performance.now();
      setTimeout(() => this.paint(), SETTLE_MS);
    }
    this.element.dataset.phase = phase.name;
    const wanted = isDiscrete(point) ? "" : this.#problemNow();
    const isMissing = isDiscrete(point) && !this.#choice.querySelector("input:checked");
    setText(this.#problem, this.#isTouched ? (isMissing ? texts.chooseState : wanted) : "");
    this.#select.disabled = !phase.canSelect || Boolean(wanted);
    show(this.#execute, phase.canExecute || phase.name === "ready" || phase.name === "waiting" || phase.name === "cut");
    this.#execute.disabled = performance.now() - this.#readySince < SETTLE_MS || !phase.canExecute;
    show(this.#cancel, phase.canCancel);
    show(this.#approve, phase.canApprove);
    show(this.#stop, phase.canStop);
    const isShown = selection !== null && phase.name !== "under_way" && !(phase.name === "none" && !selection.is_refused);
    setText(this.#what, isShown ? `${point.description || point.name}: ${orderOf(point, selection.value)}` : "");
    this.#execute.setAttribute("aria-label", selection ? texts.executeWhat(orderOf(point, selection.value)) : texts.execute);
    setText(this.#standing, this.#said || phase.words);
    this.#paintLeft(isShown && !selection.is_refused ? selection : null);
    this.#paintVerdicts(isShown ? selection : null);
    this.#paintOutcome(point, newest);
    this.#paintValues(point);
  }

  /** @param {Selection | null} selection */
  #paintLeft(selection) {
    this.#countdown.hidden = selection === null;
    if (!selection) return;
    const left = Math.max(0, this.#leftOf(selection));
    setText(this.#left, texts.held(left));
    const whole = (parseMoment(selection.expires) - parseMoment(selection.made)) / 1e6;
    this.#bar.style.width = `${(100 * left) / (whole || 1)}%`;
  }

  /** @param {Selection | null} selection */
  #paintVerdicts(selection) {
    const painted = selection ? `${selection.id} ${selection.approved_by} ${selection.verdicts.map((one) => one.standing + one.words).join()}` : "";
    if (painted === this.#painted) return;
    this.#painted = painted;
    this.#verdicts.replaceChildren(...inOrder(selection?.verdicts ?? []).map(makeVerdict));
    if (!selection?.is_refused) this.#factor.replaceChildren();
    const wantsFactor = selection?.verdicts.some((verdict) => verdict.check === "second_factor" && verdict.standing === "refused");
    if (selection && wantsFactor && selection.requester === this.#identity.person && this.#factorOf !== selection.id) {
      this.#factorOf = selection.id;
      void this.#askFactor();
    }
  }

  /**
   * @param {Point} point
   * @param {Operation | null} newest
   */
  #paintOutcome(point, newest) {
    if (!newest) {
      setText(this.#outcome, texts.nothingExecuted);
      setText(this.#by, "");
      delete this.#outcome.dataset.result;
      this.#progress.hidden = true;
      return;
    }
    const { outcome } = newest;
    const what = orderOf(point, newest.value);
    this.#outcome.dataset.result = outcome?.result ?? "under_way";
    setText(this.#outcome, outcome ? texts.outcome(texts.results[outcome.result], what, outcome.reason || texts.resultWords[outcome.result]) : texts.outcome(texts.resultUnderWay, what, this.#writing?.ramp_per_s ? texts.leading : texts.released));
    setText(this.#by, texts.byWhom(formatRecent(parseMoment(newest.released), this.#live.now()), newest.requester, newest.approved_by));
    this.#paintProgress(point, outcome ? null : newest);
  }

  /**
   * @param {Point} point
   * @param {Operation | null} operation
   */
  #paintProgress(point, operation) {
    const perS = this.#writing?.ramp_per_s ?? null;
    const now = this.#live.samples.get(point.id)?.value;
    this.#progress.hidden = operation === null || perS === null || now === undefined;
    if (this.#progress.hidden || !operation || perS === null || now === undefined) return;
    if (this.#underWay !== operation.id) {
      this.#underWay = operation.id;
      this.#from ??= now;
    }
    const { share, leftS } = progressOf({ from: this.#from ?? now, now, to: operation.value, perS });
    this.#way.style.width = `${100 * share}%`;
    setText(/** @type {Element} */ (this.#progress.lastElementChild), texts.ramping(orderOf(point, now), orderOf(point, operation.value), leftS));
  }

  /** @param {Point} point */
  #paintValues(point) {
    const feedback = this.#feedback;
    feedback?.paint(this.#live.samples.get(feedback.point.id), this.#live.isStale(feedback.point), this.#live.now());
    if (isDiscrete(point)) {
      const shown = feedback?.point ?? point;
      const sample = this.#live.samples.get(shown.id);
      const state = sample && !this.#live.isStale(shown) ? stateOf(shown, sample.value) : "";
      for (const label of this.#choice.querySelectorAll("label")) {
        label.dataset.now = String(label.dataset.state === state);
      }
      return;
    }
    const input = this.#choice.querySelector("input");
    const sample = this.#live.samples.get(point.id);
    if (input && sample?.time && !this.#isTouched && document.activeElement !== input) input.value = sample.value.toFixed(point.decimals);
  }

  /**
   * @param {Point} point
   * @param {number} value
   */
  #makeState(point, value) {
    const symbol = makeSwitchSymbol();
    symbol.dataset.state = aimOf(point, value);
    const input = make("input", { type: "radio", name: "order", value: String(value) });
    return make("label", { "data-state": aimOf(point, value) }, input, symbol, make("span", {}, orderOf(point, value)), make("small", {}, texts.now));
  }

  /**
   * @param {Point} point
   * @param {import("./types.js").Writing} writing
   */
  #makeNumber(point, { low, high, ramp_per_s: perS, step_s: stepS }) {
    const input = make("input", { type: "number", name: "order", step: String(10 ** -point.decimals), "aria-label": texts.value, autocomplete: "off" });
    if (low !== null) input.min = String(low);
    if (high !== null) input.max = String(high);
    const limit = (/** @type {number | null} */ value) => (value === null ? "…" : formatNumber(value, point.decimals));
    const rows = [make("div", { class: "entry" }, input, make("span", { class: "unit" }, point.unit))];
    if (low !== null || high !== null) rows.push(make("p", { class: "limits" }, texts.range(limit(low), limit(high), point.unit)));
    if (perS !== null && stepS !== null) rows.push(make("p", { class: "limits" }, texts.ramp(perS, point.unit, stepS)));
    return rows;
  }

  /**
   * @param {Point} point
   * @param {import("./types.js").Writing} writing
   */
  #askedFor(point, writing) {
    return [
      ...(writing.second_person ? [texts.askedFor.second_person] : []),
      ...(writing.second_factor && !this.#identity.session?.may_control ? [texts.askedFor.second_factor] : []),
      ...writing.interlocks.map(texts.interlock),
      ...(this.#feedback && writing.feedback_s !== null && point.id !== this.#feedback.point.id ? [texts.feedback(this.#feedback.point.name, writing.feedback_s)] : []),
    ];
  }

  #problemNow() {
    const input = this.#choice.querySelector("input");
    return this.#writing && this.#point && input ? problemOf(input.value, this.#writing, this.#point.unit) : "";
  }

  #focusChoice() {
    const input = /** @type {HTMLElement | null} */ (this.#choice.querySelector("input:checked") ?? this.#choice.querySelector("input"));
    input?.focus();
  }

  /** What holds the point, or was refused here a moment ago. */
  #selection() {
    const point = this.#point;
    if (!point) return null;
    const held = this.#control.selectionOf(point.id);
    const known = held && !this.#ended.has(held.id) ? held : null;
    if (!this.#own || this.#own.is_refused) return known ?? this.#own;
    if (known?.id === this.#own.id) {
      this.#isOwnSeen = true;
      return known;
    }
    return this.#isOwnSeen ? (known ?? { ...this.#own, expires: this.#own.made }) : this.#own;
  }

  /** @param {Selection} selection */
  #leftOf(selection) {
    return (parseMoment(selection.expires) - this.#live.now()) / 1e6;
  }

  /** The newest command to the point, as far as it is known here or told by the server. */
  #newest() {
    const point = this.#point;
    const mine = this.#released;
    const told = point ? this.#control.newestOf(point.id) : null;
    if (!mine || (told && told.id !== mine.id && parseMoment(told.released) > parseMoment(mine.released))) return told;
    if (told?.id !== mine.id) return mine;
    return told.outcome ? told : { ...told, outcome: mine.outcome };
  }

  async #doSelect() {
    const point = this.#point;
    const given = /** @type {HTMLInputElement | null} */ (this.#choice.querySelector("input[type=number], input:checked"));
    if (!point || this.#select.disabled || this.#isSending) return;
    if (!given || this.#problemIn(given)) {
      this.#isTouched = true;
      setText(this.#problem, given ? this.#problemIn(given) : texts.chooseState);
      this.#focusChoice();
      return;
    }
    const value = Number(given.value);
    const made = await this.#ask(() => send("POST", "control/select", { point: point.path, value, reason: this.#reason.value }));
    if (!made) return;
    if (this.#point !== point) {
      if (!made.is_refused) await send("POST", "control/cancel", { selection: made.id }).catch(() => undefined);
      return;
    }
    this.#own = made;
    this.#isOwnSeen = false;
    this.#said = "";
    this.paint();
    this.#confirmTitle.focus({ preventScroll: false });
  }

  /** @param {HTMLInputElement} input */
  #problemIn(input) {
    return input.type === "number" ? this.#problemNow() : "";
  }

  async #doExecute() {
    const selection = this.#selection();
    const point = this.#point;
    if (!selection || !point || this.#execute.disabled || this.#isSending) return;
    this.#released = { ...selection, selection: selection.id, released: new Date(this.#live.now() / 1e3).toISOString(), outcome: null };
    this.#from = this.#live.samples.get(point.id)?.value ?? null;
    const mine = this.#released;
    const outcome = await this.#ask(() => send("POST", "control/execute", { selection: selection.id, reason: this.#reason.value }), async (error) => {
      setText(this.#outcome, texts.asking);
      return send("GET", `control/operations/${selection.id}`).catch((again) => {
        if (again.status === 404) return { command: selection.id, time: null, result: "refused", reason: `${texts.notBegun} ${error.message}` };
        throw new Error(texts.notKnown(error.message));
      });
    });
    if (!outcome) return;
    mine.outcome = outcome;
    if (outcome.result !== "refused") this.#ended.add(selection.id);
    if (this.#own?.id === selection.id && outcome.result !== "refused") this.#own = null;
    await this.#control.refresh();
    this.paint();
  }

  async #doApprove() {
    const selection = this.#selection();
    if (!selection) return;
    await this.#ask(() => send("POST", "control/approve", { selection: selection.id }));
    await this.#control.refresh();
  }

  async #doStop() {
    const newest = this.#newest();
    if (!newest || this.#isStopping) return;
    this.#isStopping = true;
    setText(this.#failure, "");
    try {
      await send("POST", "control/stop", { id: newest.id }); // whatever else is awaited here
    } catch (error) {
      setText(this.#failure, error instanceof Error ? error.message : String(error));
    }
    this.#isStopping = false;
  }

  /**
   * Sends one wish at a time; what the server says against it is shown.
   * @param {() => Promise<any>} wish
   * @param {(error: Error) => Promise<any>} [otherwise]
   */
  async #ask(wish, otherwise) {
    if (this.#isSending) return null;
    this.#isSending = true;
    setText(this.#failure, "");
    this.paint();
    try {
      return otherwise ? await wish().catch(otherwise) : await wish();
    } catch (error) {
      setText(this.#failure, error instanceof Error ? error.message : String(error));
      return null;
    } finally {
      this.#isSending = false;
      this.paint();
    }
  }

  async #askFactor() {
    try {
      /** @type {import("./login/factors.js").SessionAnswer} */
      const session = await send("GET", "session");
      if (!session.has_app && !session.keys.length) {
        this.#factor.replaceChildren(make("p", {}, texts.factorMissing, " ", make("a", { class: "button", href: "/account" }, texts.account)));
        return;
      }
      const panel = makeFactorPanel(session, async () => {
        this.#factor.replaceChildren();
        this.#own = null;
        await this.#doSelect();
      });
      this.#factor.replaceChildren(panel);
    } catch (error) {
      setText(this.#failure, error instanceof Error ? error.message : String(error));
    }
  }
}

/** @param {Selection["verdicts"][number]} verdict */
function makeVerdict(verdict) {
  const standing = texts.standing[verdict.standing];
  const remedies = /** @type {Record<string, string>} */ (texts.remedies);
  const remedy = verdict.standing === "refused" || verdict.standing === "open" ? remedies[verdict.check] : "";
  return make(
    "li",
    { "data-standing": verdict.standing, "data-check": verdict.check },
    make("b", { title: standing, "aria-hidden": "true" }, SIGNS[verdict.standing]),
    make("span", {}, make("span", { class: "quiet-words" }, `${standing}: `), verdict.words, ...(remedy ? [make("em", {}, remedy)] : [])),
  );
}

/**
 * @param {HTMLElement} element
 * @param {boolean} isShown
 */
function show(element, isShown) {
  element.hidden = !isShown;
}
