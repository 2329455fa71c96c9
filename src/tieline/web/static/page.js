/**
 * What every page starts with: the frame around it, then the page itself.
 * @module
 */

import { startAlarmBanner } from "./alarm-banner.js";
import { get } from "./api.js";
import { startBeat } from "./blink.js";
import { byId, make, setText } from "./dom.js";
import { startFaceplates } from "./faceplate-dialog.js";
import { startHeader } from "./header.js";
import { Identity, readIdentity } from "./identity.js";
import { Live } from "./live.js";
import { keepSession } from "./login/session.js";
import { startSearch } from "./search.js";
import { startKeys } from "./shortcut-help.js";
import { texts } from "./texts/frame.js";
import { startZone } from "./zone.js";

/**
 * @typedef {object} Context what a page may want to know besides
 * @property {string} utility
 * @property {string} time_zone the utility's, an IANA name
 * @property {import("./types.js").Site[]} sites
 * @property {import("./types.js").Site[]} roles the center and the DMZ, as if they were sites
 * @property {import("./types.js").Tie[]} ties which sites lines join
 * @property {string | null} local_site the site whose own screen this is
 * @property {Identity} identity who is logged in, and what to offer
 */

/** @typedef {{title: string, subtitle?: string}} Place what the page is called, in the header and in the browser */

/**
 * Opens the live feed and the frame, then builds the page; whatever fails is said in words in place of the page.
 * @param {(live: Live, sites: import("./types.js").Site[], context: Context) => Promise<Place | void>} build
 */
export async function startPage(build) {
  const main = byId("main");
  const live = new Live();
  /** @type {Context} */
  let context = { utility: "", time_zone: "UTC", sites: [], roles: [], ties: [], local_site: null, identity: new Identity(null) };
  /** @type {unknown} */
  let failure = null;
  try {
    const [answer, identity] = await Promise.all([get("sites"), readIdentity()]);
    context = { ...answer, identity };
    startZone(answer.time_zone);
  } catch (error) {
    failure = error;
  }
  startFrame(live, context);
  try {
    if (failure) throw failure;
    showPlace(await build(live, context.sites, context), context.utility);
    main.dataset.ready = "true";
  } catch (error) {
    const again = make("button", { type: "button" }, texts.tryAgain);
    again.addEventListener("click", () => location.reload());
    const words = error instanceof Error ? error.message : String(error);
    main.replaceChildren(make("p", { class: "failure", role: "alert" }, texts.cannotBeShown(words)), again);
  }
  if (!isWithoutLive()) live.start();
}

/**
 * @param {Live} live
 * @param {Context} context
 */
function startFrame(live, context) {
  const openSearch = startSearch(context);
  const openShortcuts = startKeys();
  startHeader(live, { sites: context.sites, localSite: context.local_site, identity: context.identity, openSearch, openShortcuts });
  if (context.local_site === null && !isWithoutLive()) startAlarmBanner(live, context);
  startBeat(live);
  startFaceplates(live, context);
  keepSession();
}

/** Whether this person sees no live values: the account is for remote access only. */
function isWithoutLive() {
  return "withoutLive" in document.body.dataset;
}

/**
 * Says what the page is called; a page may say it anew when what it shows has changed.
 * @param {Place | void} place
 * @param {string} utility
 */
export function showPlace(place, utility) {
  if (!place) return;
  setText(byId("title"), place.title);
  setText(byId("subtitle"), place.subtitle ?? "");
  document.title = `${place.title} · ${utility}`;
}
