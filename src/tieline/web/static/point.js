/**
 * The faceplate of one point as a page of its own, with an address.
 * @module
 */

import { byId, make } from "./dom.js";
import { Faceplate } from "./faceplate.js";
import { showPlace, startPage } from "./page.js";
import { pointAddress } from "./addresses.js";
import { texts } from "./texts/faceplate.js";

void startPage(async (live, _, context) => {
  const path = location.pathname.split("/").slice(2).map(decodeURIComponent).join("/");
  const faceplate = new Faceplate(live, context.identity, (point) => {
    history.replaceState(null, "", pointAddress(point.path));
    showPlace({ title: point.description || point.name, subtitle: point.path }, context.utility);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) void faceplate.giveUp();
  });
  byId("main").append(make("div", { class: "panel scroll", tabindex: "0", role: "region", "aria-label": texts.faceplate }, faceplate.element));
  await faceplate.show([path]);
});
