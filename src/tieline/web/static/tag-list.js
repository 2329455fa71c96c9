/**
 * Tags: one as a row, and the form to hang one on. A red tag says so by its shape, not by color.
 * @module
 */

import { draw, make, setText } from "./dom.js";
import { formatRecent, parseMoment } from "./format.js";
import { send } from "./login/requests.js";
import { makeAction } from "./supervision.js";
import { texts } from "./texts/tags.js";

/** @typedef {import("./types.js").Tag} Tag */

/**
 * The tag's sign: a barred disc for what must not be operated, an i for information.
 * @param {Tag["kind"]} kind
 */
export function makeTagSign(kind) {
  const label = texts.kinds[kind];
  const inside = kind === "do_not_operate" ? draw("path", { d: "M5 10H15" }) : draw("path", { d: "M10 9V15M10 5V6.5" });
  return draw("svg", { class: "tag-sign", viewBox: "0 0 20 20", role: "img", "aria-label": label, "data-kind": kind }, draw("circle", { cx: 10, cy: 10, r: 8 }), inside);
}

/**
 * A button to take a tag off, which asks for the reason in its place.
 * @param {Tag} tag
 * @param {HTMLElement} failure
 * @param {() => Promise<unknown>} done
 */
export function makeRemoval(tag, failure, done) {
  const place = make("span", { class: "removal" });
  const open = make("button", { type: "button", class: "button", "aria-label": texts.removeFrom(tag.target) }, texts.remove);
  const reason = make("input", { type: "text", maxlength: "200", autocomplete: "off", "aria-label": texts.removeReason, placeholder: texts.removeReason });
  const remove = makeAction(texts.remove, failure, async () => {
    if (!reason.value.trim()) {
      reason.focus();
      throw new Error(texts.sayWhy);
    }
    await send("POST", `control/tags/${encodeURIComponent(tag.id)}/remove`, { reason: reason.value });
    await done();
  });
  const close = () => {
    place.replaceChildren(open);
    open.focus();
  };
  const keep = make("button", { type: "button", class: "button" }, texts.keep);
  keep.addEventListener("click", close);
  open.addEventListener("click", () => {
    place.replaceChildren(reason, remove, keep);
    reason.focus();
  });
  place.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === reason && !event.repeat) remove.click();
    else if (event.key === "Escape" && reason.isConnected) close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  place.append(open);
  return place;
}

/**
 * The form to hang a tag on.
 * @param {() => string} target what it is hung on; empty where that has to be said
 * @param {() => Promise<unknown>} done
 * @param {...Node} before further fields
 */
export function makeTagForm(target, done, ...before) {
  const kind = make("select", {}, ...Object.entries(texts.kinds).map(([value, words]) => make("option", { value }, words)));
  const reason = make("input", { type: "text", maxlength: "200", autocomplete: "off", placeholder: texts.reasonHint });
  const failure = make("p", { class: "failure", role: "alert" });
  const hang = make("button", { type: "submit", class: "button" }, texts.hang);
  const form = make("form", { class: "tag-form", novalidate: "" }, ...before, make("label", {}, texts.kind, kind), make("label", { class: "wide" }, texts.reason, reason), hang, failure);
  let isBusy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setText(failure, "");
    if (!target()) return setText(failure, texts.sayWhere);
    if (!reason.value.trim()) {
      reason.focus();
      return setText(failure, texts.sayWhy);
    }
    isBusy = true;
    try {
      await send("POST", "control/tags", { kind: kind.value, target: target(), reason: reason.value });
      reason.value = "";
      await done();
    } catch (error) {
      setText(failure, error instanceof Error ? error.message : String(error));
    }
    isBusy = false;
  });
  return form;
}

/**
 * Tags in a list, as on a faceplate; painted anew only where they have changed.
 * @param {import("./live.js").Live} live
 * @param {boolean} canRemove
 * @param {() => Promise<unknown>} done
 */
export function makeTagRows(live, canRemove, done) {
  const failure = make("p", { class: "failure", role: "alert" });
  const list = make("ul", { class: "tag-rows" });
  let painted = "none yet";
  return {
    element: make("div", {}, list, failure),
    /** @param {Tag[]} tags */
    show(tags) {
      const next = tags.map((tag) => tag.id).join();
      if (next === painted) return;
      painted = next;
      list.replaceChildren(
        ...tags.map((tag) =>
          make(
            "li",
            { "data-kind": tag.kind },
            makeTagSign(tag.kind),
            make("span", { class: "words" }, make("b", {}, texts.kinds[tag.kind]), ` ${tag.reason}`, make("small", {}, texts.byWhom(tag.owner, formatRecent(parseMoment(tag.placed), live.now())))),
            ...(canRemove ? [makeRemoval(tag, failure, done)] : []),
          ),
        ),
        ...(tags.length ? [] : [make("li", { class: "none" }, texts.noneHere)]),
      );
    },
  };
}
