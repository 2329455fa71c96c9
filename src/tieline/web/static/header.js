/**
 * The bar at the top of every page: where one is, where one can go, what is wrong, and the time.
 * @module
 */

import { byId, make, setText } from "./dom.js";
import { formatMoment } from "./format.js";

const MAX_CHIPS = 8;

/**
 * @param {import("./live.js").Live} live
 * @param {{title: string, subtitle: string, current: string, sites: import("./types.js").Site[], localSite: string | null}} place
 */
export function startHeader(live, { title, subtitle, current, sites, localSite }) {
  document.title = `${title} · Tieline`;
  const links = [
    { href: "/", text: "Overview" },
    ...sites.slice(0, MAX_CHIPS).map((site) => ({ href: `/site/${site.name}`, text: site.title })),
    { href: "/trend", text: "Trend" },
    ...(localSite === null ? [{ href: "/alarms", text: "Alarms" }, { href: "/operate", text: "Operate" }] : []),
  ].map(({ href, text }) => make("a", href === current ? { href, "aria-current": "page" } : { href }, text));
  const questionable = makeCount("questionable", "?", "questionable values");
  const invalid = makeCount("invalid", "×", "invalid values");
  const stale = makeCount("stale", "◷", "stale values");
  const chips = new Map(sites.slice(0, MAX_CHIPS).map((site) => [site.name, makeChip(site)]));
  const state = make("span", { class: "state", role: "status" }, "connecting");
  const clock = make("time", { class: "clock" });
  const theme = make("button", { class: "theme", type: "button", title: "Day or night theme", "aria-label": "Day or night theme" }, "◐");
  theme.addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "day" ? "night" : "day";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("theme", next);
    document.dispatchEvent(new Event("themechange"));
  });
  byId("header").append(
    make("a", { class: "skip", href: "#main" }, "Skip to content"),
    make("h1", {}, title),
    make("span", { class: "subtitle" }, subtitle),
    make("nav", { "aria-label": "Pages" }, ...links),
    make("span", { class: "counts" }, questionable.element, invalid.element, stale.element),
    make("span", { class: "chips" }, ...[...chips.values()].map((chip) => chip.element)),
    state,
    clock,
    theme,
  );
  const banner = make("div", { class: "banner", role: "alert", hidden: "" });
  byId("header").after(banner);
  const own = localSite === null ? null : makeOwnScreen(sites.find((site) => site.name === localSite)?.title ?? localSite);
  if (own) byId("header").after(own.element);

  const tick = () => setText(clock, formatMoment(live.now()));
  tick();
  setInterval(tick, 250);
  live.listen((changes) => {
    if (changes.links) {
      document.body.dataset.connection = live.state;
      setText(state, live.state);
      banner.hidden = live.state !== "lost";
      setText(banner, live.state === "lost" ? `No live data: ${live.reason}. Everything shown is old; reconnecting.` : "");
    }
    if (!changes.links && !changes.status) return;
    own?.show(live.state === "live" ? live.reachesCenter : null);
    const counts = { questionable: 0, invalid: 0, stale: 0 };
    for (const status of live.sites.values()) {
      counts.questionable += status.questionable;
      counts.invalid += status.invalid;
      counts.stale += status.stale;
    }
    for (const [name, chip] of chips) {
      chip.show(live.state === "lost" ? "lost" : (live.sites.get(name)?.link ?? "waiting"));
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
 * The line on every page of a site's own screen.
 * @param {string} title the site's
 */
function makeOwnScreen(title) {
  const words = make("span", { role: "status" }, "whether the center can be reached is not known");
  const element = make("div", { class: "own-screen", "data-center": "unknown" }, make("b", {}, `Local screen of ${title}`), words);
  return {
    element,
    /** @param {boolean | null} reaches */
    show(reaches) {
      element.dataset.center = reaches === null ? "unknown" : reaches ? "reached" : "lost";
      setText(
        words,
        reaches === null
          ? "whether the center can be reached is not known"
          : reaches
            ? "center reached"
            : "center not reached: the site goes on alone, what it measures is kept and sent later",
      );
    },
  };
}

/** @param {import("./types.js").Site} site */
function makeChip(site) {
  const words = make("span", { class: "quiet-words" }, "link waiting");
  const element = make("a", { class: "chip", href: `/site/${site.name}`, "data-link": "waiting" }, make("i"), site.name, words);
  return {
    element,
    /** @param {string} link */
    show(link) {
      element.dataset.link = link;
      element.title = `${site.title}: link ${link}`;
      setText(words, `link ${link}`);
    },
  };
}
