/**
 * The bar at the top of every page: where one is, where one can go, what is wrong, the time, and who one is.
 * The server has made its left half already: the utility, the heading, the navigation.
 * @module
 */

import { siteAddress } from "./addresses.js";
import { byId, make, setText } from "./dom.js";
import { formatMoment } from "./format.js";
import { makePersonMenu } from "./person-menu.js";
import { addShortcut } from "./shortcuts.js";
import { texts } from "./texts/frame.js";
import { switchZone, zones } from "./zone.js";

const MOST_LOST = 2;
const THEMES = /** @type {const} */ (["night", "day", "auto"]);

/**
 * @param {import("./live.js").Live} live
 * @param {{sites: import("./types.js").Site[], localSite: string | null, identity: import("./identity.js").Identity, openSearch: () => void, openShortcuts: () => void}} frame
 */
export function startHeader(live, { sites, localSite, identity, openSearch, openShortcuts }) {
  const questionable = makeCount("questionable", "?", texts.quality.questionable);
  const invalid = makeCount("invalid", "×", texts.quality.invalid);
  const stale = makeCount("stale", "◷", texts.quality.stale);
  const lost = makeLostLinks(sites);
  const state = make("span", { class: "state", role: "status", title: texts.linkState }, "connecting");
  const clock = makeClock(live);
  byId("header").append(
    make("span", { class: "counts" }, questionable.element, invalid.element, stale.element),
    lost.element,
    state,
    makeIcon("search", "⌕", texts.searchButton, openSearch),
    makeIcon("help", "?", texts.shortcutsButton, openShortcuts),
    makeTheme(),
    clock,
    makePersonMenu(identity),
  );
  const banner = make("div", { class: "banner", role: "alert", hidden: "" });
  byId("header").after(banner);
  const own = localSite === null ? null : makeOwnScreen(sites.find((site) => site.name === localSite)?.title ?? localSite);
  if (own) byId("header").after(own.element);

  live.listen((changes) => {
    if (changes.links) {
      document.body.dataset.connection = live.state;
      setText(state, live.state);
      banner.hidden = live.state !== "lost";
      setText(banner, live.state === "lost" ? texts.noLiveData(live.reason) : "");
    }
    if (!changes.links && !changes.status) return;
    own?.show(live.state === "live" ? live.reachesCenter : null);
    lost.show(live);
    const counts = { questionable: 0, invalid: 0, stale: 0 };
    for (const status of live.sites.values()) {
      counts.questionable += status.questionable;
      counts.invalid += status.invalid;
      counts.stale += status.stale;
    }
    questionable.show(counts.questionable);
    invalid.show(counts.invalid);
    stale.show(counts.stale);
  });
}

/**
 * @param {string} name
 * @param {string} sign
 * @param {string} words
 */
function makeCount(name, sign, words) {
  const number = make("b", {}, "–");
  const element = make("span", { class: "count", "data-count": name, title: words });
  element.append(make("span", { class: "badge", "aria-hidden": "true" }, sign), number, make("span", { class: "quiet-words" }, words));
  return {
    element,
    /** @param {number} count */
    show(count) {
      setText(number, String(count));
      element.dataset.some = String(count > 0);
    },
  };
}

/**
 * The sites that are not heard; nothing where all are.
 * @param {import("./types.js").Site[]} sites
 */
function makeLostLinks(sites) {
  const element = make("span", { class: "chips" });
  let shown = "";
  return {
    element,
    /** @param {import("./live.js").Live} live */
    show(live) {
      const lost = live.state === "lost" ? [] : sites.filter((site) => live.sites.get(site.name)?.link === "lost");
      const next = lost.map((site) => site.name).join("/");
      if (next === shown) return;
      shown = next;
      element.replaceChildren(
        ...lost.slice(0, MOST_LOST).map((site) =>
          make("a", { class: "chip", href: siteAddress(site.name), "data-link": "lost", title: `${site.title}: ${texts.link("lost")}` }, make("i"), site.name, make("span", { class: "quiet-words" }, texts.link("lost"))),
        ),
        ...(lost.length > MOST_LOST ? [make("a", { class: "more", href: "/stations" }, texts.moreLost(lost.length - MOST_LOST))] : []),
      );
    },
  };
}

/**
 * The time in the zone that is shown; a press changes to the other one.
 * @param {import("./live.js").Live} live
 */
function makeClock(live) {
  const time = make("time");
  const element = make("button", { class: "clock", type: "button" }, time);
  const tick = () => setText(time, formatMoment(live.now()));
  const show = () => {
    const { shown, other } = zones();
    const words = (/** @type {string} */ zone) => (zone === "UTC" ? zone : texts.siteTime(zone));
    element.disabled = shown === other;
    element.title = element.disabled ? texts.clock(words(shown)) : texts.clockSwitch(words(shown), words(other));
    tick();
  };
  element.addEventListener("click", switchZone);
  document.addEventListener("zonechange", show);
  addShortcut("g u", texts.shortcuts.clock, () => element.click(), "everywhere");
  setInterval(tick, 250);
  show();
  return element;
}

function makeTheme() {
  const button = makeIcon("theme", "◐", "", () => {
    const now = THEMES.indexOf(/** @type {typeof THEMES[number]} */ (document.documentElement.dataset.themeChoice));
    localStorage.setItem("theme", THEMES[(now + 1) % THEMES.length]);
    document.dispatchEvent(new Event("themechoice"));
  });
  const show = () => {
    const choice = /** @type {typeof THEMES[number]} */ (document.documentElement.dataset.themeChoice);
    button.title = texts.theme(texts.themes[choice]);
    button.setAttribute("aria-label", button.title);
    setText(button, { night: "☾", day: "☀", auto: "◐" }[choice]);
  };
  document.addEventListener("themechange", show);
  addShortcut("g d", texts.shortcuts.theme, () => button.click(), "everywhere");
  show();
  return button;
}

/**
 * @param {string} name
 * @param {string} sign
 * @param {string} words
 * @param {() => void} run
 */
function makeIcon(name, sign, words, run) {
  const button = make("button", { class: `icon ${name}`, type: "button", title: words, "aria-label": words }, sign);
  button.addEventListener("click", run);
  return button;
}

/**
 * The line on every page of a site's own screen.
 * @param {string} title the site's
 */
function makeOwnScreen(title) {
  const { of, unknown, reached, lost } = texts.localScreen;
  const words = make("span", { role: "status" }, unknown);
  const element = make("div", { class: "own-screen", "data-center": "unknown" }, make("b", {}, of(title)), words);
  return {
    element,
    /** @param {boolean | null} reaches */
    show(reaches) {
      element.dataset.center = reaches === null ? "unknown" : reaches ? "reached" : "lost";
      setText(words, reaches === null ? unknown : reaches ? reached : lost);
    },
  };
}
