/**
 * The single-line of a site, live.
 * @module
 */

import { getPointsOf } from "./api.js";
import { byId, make } from "./dom.js";
import { startPage } from "./page.js";
import { SingleLine, fetchDrawing } from "./single-line.js";
import { texts } from "./texts/single-line.js";

void startPage(async (live, sites) => {
  const name = decodeURIComponent(location.pathname.split("/")[2] ?? "");
  const site = sites.find((one) => one.name === name);
  const [drawing, points] = await Promise.all([fetchDrawing(name), getPointsOf(name)]);
  byId("main").append(make("div", { class: "drawing", role: "region", "aria-label": texts.drawing, tabindex: "0" }, drawing));
  const diagram = new SingleLine(drawing, name, live);
  live.subscribe(await diagram.start(points));
  return { title: site?.title ?? name, subtitle: texts.title };
});
