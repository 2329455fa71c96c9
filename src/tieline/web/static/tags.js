/**
 * Every tag that hangs: what forbids operating, why, and whose it is.
 * @module
 */

import { pointAddress } from "./addresses.js";
import { get } from "./api.js";
import { watchControl } from "./control-watch.js";
import { byId, make, setText } from "./dom.js";
import { formatRecent, parseMoment } from "./format.js";
import { showPlace, startPage } from "./page.js";
import { addShortcut } from "./shortcuts.js";
import { makeRemoval, makeTagForm, makeTagSign } from "./tag-list.js";
import { texts } from "./texts/tags.js";

const MOST_OFFERED = 50;

void startPage(async (live, _, context) => {
  const { identity } = context;
  const control = watchControl(live);
  const failure = make("p", { class: "failure", role: "alert" });
  const filter = make("input", { type: "search", "aria-label": texts.filterLabel, placeholder: texts.filter });
  const body = make("tbody");
  const heads = texts.heads;
  const table = make("table", { class: "tags" }, make("thead", {}, make("tr", {}, ...Object.values(heads).map((head) => make("th", { scope: "col" }, head)))), body);
  const empty = make("p", { class: "empty" }, texts.none);
  const panel = make("section", { class: "panel" }, make("div", { class: "toolbar" }, filter), failure, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": texts.title }, table, empty));
  byId("main").append(panel);
  if (identity.may("tag")) panel.after(make("aside", { class: "panel", "aria-label": texts.hangTitle }, make("h2", {}, texts.hangTitle), makeForm()));
  else panel.prepend(make("p", { class: "empty" }, texts.noRight));

  let painted = "none yet";
  const paint = () => {
    setText(failure, control.failure);
    const tags = control.state?.tags ?? [];
    showPlace({ title: texts.title, subtitle: texts.subtitle(tags.length) }, context.utility);
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = tags.filter((tag) => words.every((word) => `${tag.target} ${tag.reason} ${tag.owner} ${texts.kinds[tag.kind]}`.toLowerCase().includes(word)));
    const next = shown.map((tag) => tag.id).join();
    setText(empty, tags.length ? texts.nothingFits : texts.none);
    table.hidden = shown.length === 0;
    empty.hidden = shown.length > 0;
    if (next === painted) return;
    painted = next;
    shown.sort((one, other) => one.kind.localeCompare(other.kind) || other.placed.localeCompare(one.placed));
    body.replaceChildren(...shown.map(makeRow));
  };
  /** @param {import("./types.js").Tag} tag */
  const makeRow = (tag) => {
    const isPoint = tag.target.split("/").length === 3;
    const target = isPoint ? make("a", { href: pointAddress(tag.target) }, tag.target) : tag.target;
    return make(
      "tr",
      { "data-kind": tag.kind, "data-tag": tag.id },
      make("td", { class: "kind" }, makeTagSign(tag.kind), texts.kinds[tag.kind]),
      make("td", { class: "target" }, target),
      make("td", { class: "reason" }, tag.reason),
      make("td", {}, tag.owner),
      make("td", { class: "time" }, formatRecent(parseMoment(tag.placed), live.now())),
      make("td", { class: "actions" }, ...(identity.may("tag") ? [makeRemoval(tag, failure, () => control.refresh())] : [])),
    );
  };
  function makeForm() {
    const options = make("datalist", { id: "targets" });
    const target = make("input", { type: "text", list: "targets", maxlength: "200", autocomplete: "off", placeholder: texts.targetHint });
    let asked = 0;
    target.addEventListener("input", async () => {
      const mine = (asked += 1);
      const { points } = await get("points", { text: target.value, limit: MOST_OFFERED });
      if (mine !== asked) return;
      const found = points.flatMap((/** @type {import("./types.js").Point} */ point) => (point.equipment ? [point.equipment, point.path] : [point.path]));
      options.replaceChildren(...[...new Set(found)].map((value) => make("option", { value })));
    });
    return makeTagForm(
      () => target.value.trim(),
      async () => {
        target.value = "";
        await control.refresh();
      },
      make("label", { class: "wide" }, texts.targetLabel, target),
      options,
    );
  }
  filter.addEventListener("input", paint);
  addShortcut("f", texts.filterLabel, () => filter.focus());
  control.listen(paint);
  document.addEventListener("zonechange", () => {
    painted = "";
    paint();
  });
  await control.refresh();
  paint();
  return { title: texts.title, subtitle: texts.subtitle(control.state?.tags.length ?? 0) };
});
