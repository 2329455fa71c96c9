/**
 * What every page starts with.
 * @module
 */

import { get } from "./api.js";
import { byId, make } from "./dom.js";
import { startHeader } from "./header.js";
import { Live } from "./live.js";
import { startSession } from "./login/session.js";

/**
 * Opens the live feed and the header, then builds the page; whatever fails is said in words in place of the page.
 * @param {(live: Live, sites: import("./types.js").Site[], all: import("./types.js").Sites) => Promise<{title: string, subtitle: string, current: string}>} build
 */
export async function startPage(build) {
  const main = byId("main");
  const live = new Live();
  /** @type {import("./types.js").Site[]} */
  let sites = [];
  let place = { title: "Tieline", subtitle: "", current: "" };
  /** @type {string | null} */
  let localSite = null;
  try {
    const answer = await get("sites");
    sites = answer.sites;
    localSite = answer.local_site;
    place = await build(live, sites, answer);
    main.dataset.ready = "true";
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    const again = make("button", { type: "button" }, "Try again");
    again.addEventListener("click", () => location.reload());
    main.replaceChildren(make("p", { class: "failure", role: "alert" }, `This page cannot be shown: ${words}.`), again);
  }
  startHeader(live, { ...place, sites, localSite });
  void startSession();
  live.start();
}
