/**
 * The single-line of a site, live.
 * @module
 */

import { alarmsAddress, siteAddress } from "./addresses.js";
import { getPointsOf } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { startPage } from "./page.js";
import { DrawingView } from "./single-line-view.js";
import { SingleLine, fetchDrawing } from "./single-line.js";
import { texts } from "./texts/single-line.js";
import { makeZoom } from "./zoom-buttons.js";

void startPage(async (live, sites) => {
  const name = decodeURIComponent(location.pathname.split("/")[2] ?? "");
  const site = sites.find((one) => one.name === name);
  if (!site) throw new Error(texts.noSite);
  if (!site.has_single_line) throw new Error(texts.none);
  const [drawing, points] = await Promise.all([fetchDrawing(name), getPointsOf(name)]);
  const host = make("div", { class: "drawing", role: "region", "aria-label": texts.drawing, tabindex: "0" }, drawing);
  const view = new DrawingView(host, drawing);
  const elsewhere = make("a", { class: "elsewhere", href: alarmsAddress({ site: name }) });
  elsewhere.hidden = true;
  byId("main").append(
    make(
      "div",
      { class: "toolbar" },
      make("a", { class: "button", href: siteAddress(name) }, texts.values),
      make("a", { class: "button", href: alarmsAddress({ site: name }) }, texts.alarms),
      elsewhere,
      makeZoom(view, texts),
    ),
    host,
  );
  const diagram = new SingleLine(drawing, name, live);
  diagram.tellElsewhere((count) => {
    elsewhere.hidden = count === 0;
    setText(elsewhere, texts.elsewhere(count));
  });
  live.subscribe(await diagram.start(points));
  return { title: site.title, subtitle: texts.title };
});
