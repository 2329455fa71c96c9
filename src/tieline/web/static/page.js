/**
 * What every page starts with.
 * @module
 */

import { get } from "./api.js";
import { byId, make } from "./dom.js";
import { startHeader } from "./header.js";
import { Live } from "./live.js";

/**
 * Opens the live feed and the header, then builds the page; whatever fails is said in words in place of the page.
 * @param {(live: Live, sites: import("./types.js").Site[], utility: string) => Promise<{title: string, subtitle: string, current: string}>} build
 */
export async function startPage(build) {
  const main = byId("main");
  try {
    /** @type {{utility: string, sites: import("./types.js").Site[]}} */
    const { utility, sites } = await get("sites");
    const live = new Live();
    const place = await build(live, sites, utility);
    startHeader(live, { ...place, sites });
    live.start();
    main.dataset.ready = "true";
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    main.replaceChildren(make("p", { class: "failure", role: "alert" }, `This page cannot be shown: ${words}.`));
    const again = make("button", { type: "button" }, "Try again");
    again.addEventListener("click", () => location.reload());
    main.append(again);
  }
}
