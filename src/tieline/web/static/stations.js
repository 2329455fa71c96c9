/**
 * All stations in one table.
 * @module
 */

import { getPointsById } from "./api.js";
import { byId, make, setText } from "./dom.js";
import { makeLinkDiagram, MOST_LINKS } from "./link-diagram.js";
import { startPage } from "./page.js";
import { addShortcut } from "./shortcuts.js";
import { makeSiteTable } from "./site-table.js";
import { texts } from "./texts/stations.js";

void startPage(async (live, sites) => {
  const points = await getPointsById(sites.flatMap((site) => site.key_points));
  const table = makeSiteTable(live, sites, points);
  const filter = make("input", { type: "search", placeholder: texts.filter, "aria-label": texts.filterLabel });
  const onlyWrong = make("input", { type: "checkbox" });
  const found = make("span", { class: "found", role: "status" });
  byId("main").append(
    make(
      "section",
      { class: "panel" },
      make("div", { class: "toolbar" }, filter, make("label", {}, onlyWrong, texts.onlyWrong), found),
      table.element,
    ),
    ...(sites.length <= MOST_LINKS
      ? [make("section", { class: "panel links-panel" }, make("h2", {}, texts.links, make("span", {}, texts.linksWords)), makeLinkDiagram(sites, live))]
      : []),
  );
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = table.filter((site, wantsAttention) => {
      const hay = `${site.name} ${site.title} ${site.kind}`.toLowerCase();
      return (wantsAttention || !onlyWrong.checked) && words.every((word) => hay.includes(word));
    });
    setText(found, texts.found(shown, sites.length));
  };
  for (const control of [filter, onlyWrong]) control.addEventListener("input", apply);
  addShortcut("f", texts.filterLabel, () => filter.focus());
  live.listen((changes) => {
    if (onlyWrong.checked && (changes.links || changes.supervision)) apply();
  });
  live.subscribe(points.keys());
  apply();
  return { title: texts.title };
});
