/**
 * The dialogs of the trend: a time to go to, the ranges of the axes, saved views, files of raw samples.
 * @module
 */

import { make } from "./dom.js";
import { formatNumber } from "./format.js";
import { texts } from "./texts/trend.js";
import { offsetAt, zones } from "./zone.js";

const VIEWS = "trend-views";
const CSV_BYTES = 90;
const PARQUET_BYTES = 5;
const words = texts.dialogs;

/**
 * @param {string} name
 * @param {string} title
 * @param {...(Node | string)} children
 */
function open(name, title, ...children) {
  const close = make("button", { type: "button", class: "button" }, words.close);
  const dialog = make("dialog", { class: `trend-${name}`, "aria-labelledby": `${name}-title` }, make("h2", { id: `${name}-title` }, title), ...children, make("div", { class: "buttons" }, close));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * @param {string} text
 * @param {Record<string, string>} attributes
 */
function field(text, attributes) {
  const input = make("input", attributes);
  return { input, element: make("label", { class: "field" }, make("span", {}, text), input) };
}

/**
 * @param {number} start microseconds
 * @param {number} end
 * @param {(start: number, end: number) => void} onRange
 */
export function openGoTo(start, end, onRange) {
  const time = { type: "datetime-local", step: "1", required: "" };
  const around = field(words.goTo.around, { ...time, value: localOf((start + end) / 2) });
  const from = field(words.goTo.from, { ...time, value: localOf(start) });
  const to = field(words.goTo.to, { ...time, value: localOf(end) });
  const wrong = make("p", { class: "failure", role: "alert" });
  const go = make("form", { method: "dialog" }, around.element, make("button", { class: "button" }, words.goTo.go));
  const show = make("form", {}, from.element, to.element, make("button", { class: "button" }, words.goTo.show));
  const dialog = open("goto", words.goTo.title, make("p", { class: "quiet" }, words.goTo.zone(zones().shown)), go, show, wrong);
  go.addEventListener("submit", () => {
    const middle = timeOfLocal(around.input.value);
    onRange(middle - (end - start) / 2, middle + (end - start) / 2);
  });
  show.addEventListener("submit", (event) => {
    event.preventDefault();
    const [first, last] = [timeOfLocal(from.input.value), timeOfLocal(to.input.value)];
    wrong.textContent = first < last ? "" : words.goTo.wrong;
    if (first >= last) return;
    dialog.close();
    onRange(first, last);
  });
}

/**
 * @param {{unit: string, range: [number, number], isOwn: boolean}[]} axes
 * @param {(axes: Record<string, [number, number]>) => void} onAxes
 */
export function openAxes(axes, onAxes) {
  const rows = axes.map(({ unit, range, isOwn }) => {
    const automatic = make("input", { type: "checkbox", ...(isOwn ? {} : { checked: "" }) });
    const [low, high] = [words.axes.low, words.axes.high].map((text, index) => field(text, { type: "number", step: "any", required: "", value: String(Number(range[index].toPrecision(6))) }));
    const adapt = () => [low, high].forEach(({ input }) => (input.disabled = automatic.checked));
    automatic.addEventListener("change", adapt);
    adapt();
    const element = make("fieldset", {}, make("legend", {}, unit), make("label", {}, automatic, ` ${words.axes.automatic}`), low.element, high.element);
    return { unit, automatic, low, high, element };
  });
  const wrong = make("p", { class: "failure", role: "alert" });
  const apply = make("button", { class: "button" }, words.apply);
  const form = make("form", {}, ...rows.map((row) => row.element), ...(rows.length ? [wrong, apply] : [words.axes.none]));
  const dialog = open("axes", words.axes.title, form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const own = rows.filter((row) => !row.automatic.checked);
    const found = own.map((row) => /** @type {[string, [number, number]]} */ ([row.unit, [row.low.input.valueAsNumber, row.high.input.valueAsNumber]]));
    const isRight = found.every(([, [least, most]]) => least < most);
    wrong.textContent = isRight ? "" : words.axes.wrong;
    if (!isRight) return;
    dialog.close();
    onAxes(Object.fromEntries(found));
  });
}

/**
 * @param {string} name of the view on screen
 * @param {(name: string) => string} queryOf the query of the address of what is on screen, under that name
 * @param {(name: string) => void} onNamed
 */
export function openViews(name, queryOf, onNamed) {
  const list = make("ul", { class: "views" });
  const named = field(words.views.name, { type: "text", required: "", maxlength: "60", value: name });
  const address = field(words.views.address, { type: "text", readonly: "", value: location.href });
  const form = make("form", {}, named.element, make("button", { class: "button" }, words.views.save));
  const show = () => {
    const views = readViews();
    list.replaceChildren(
      ...views.map((view) => {
        const remove = make("button", { type: "button", class: "remove", "aria-label": words.views.remove(view.name) }, "×");
        remove.addEventListener("click", () => {
          localStorage.setItem(VIEWS, JSON.stringify(readViews().filter((one) => one.name !== view.name)));
          show();
        });
        return make("li", {}, make("a", { href: `/trend?${view.query}` }, view.name), remove);
      }),
      ...(views.length ? [] : [make("li", { class: "quiet" }, words.views.none)]),
    );
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = named.input.value.trim();
    if (!chosen) return;
    const others = readViews().filter((one) => one.name !== chosen);
    const views = [...others, { name: chosen, query: queryOf(chosen) }].sort((a, b) => a.name.localeCompare(b.name));
    localStorage.setItem(VIEWS, JSON.stringify(views));
    onNamed(chosen);
    address.input.value = location.href;
    show();
  });
  address.input.addEventListener("focus", () => address.input.select());
  show();
  open("views", words.views.title, form, address.element, list);
}

/** @returns {{name: string, query: string}[]} */
function readViews() {
  try {
    const found = JSON.parse(localStorage.getItem(VIEWS) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one?.name === "string" && typeof one?.query === "string") : [];
  } catch {
    return [];
  }
}

/**
 * @param {URLSearchParams} query points, from and to
 * @param {Promise<import("./types.js").StatisticsAnswer>} counted
 */
export function openExport(query, counted) {
  const size = make("p", { role: "status" }, words.export.unknown);
  const link = (/** @type {string} */ text, /** @type {string} */ path, /** @type {string} */ format) =>
    make("a", { class: "button", download: "", href: `/api/${path}?${query}&format=${format}` }, text);
  const files = [link(words.export.csv, "history/samples", "csv"), link(words.export.parquet, "history/samples", "parquet")];
  const drawn = link(words.export.buckets, "history", "csv");
  open("export", words.export.title, make("p", {}, words.export.what), size, make("div", { class: "buttons" }, ...files, drawn));
  counted
    .then((answer) => {
      const count = answer.statistics.reduce((sum, one) => sum + one.samples, 0);
      const isTooMuch = count > answer.most_samples;
      const told = words.export.size(formatNumber(count, 0), bytes(count * CSV_BYTES), bytes(count * PARQUET_BYTES));
      size.textContent = isTooMuch ? `${told} ${words.export.tooMany(formatNumber(answer.most_samples, 0))}` : told;
      if (isTooMuch) for (const file of files) file.remove();
    })
    .catch((error) => (size.textContent = error instanceof Error ? error.message : String(error)));
}

/** @param {number} count */
function bytes(count) {
  const steps = ["B", "kB", "MB", "GB"];
  const step = Math.min(steps.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(count, 1)) / 3)));
  return `${formatNumber(count / 10 ** (3 * step), step ? 1 : 0)} ${steps[step]}`;
}

/**
 * A time in the zone that is shown, as an input takes it.
 * @param {number} us
 */
function localOf(us) {
  return new Date((us + offsetAt(us)) / 1e3).toISOString().slice(0, 19);
}

/** @param {string} text */
function timeOfLocal(text) {
  const local = Date.parse(`${text.length === 16 ? `${text}:00` : text}Z`) * 1e3;
  const guess = local - offsetAt(local);
  return local - offsetAt(guess);
}
