/**
 * What the page of all stations says, and the table and the map of them.
 * @module
 */

export const texts = {
  title: "Stations",
  filter: "Filter: name, kind",
  filterLabel: "Filter stations",
  onlyWrong: "only what wants attention",
  /**
   * @param {number} shown
   * @param {number} all
   */
  found: (shown, all) => (shown === all ? `${all} stations` : `${shown} of ${all} stations`),
  heads: { site: "Station", alarms: "Alarms", link: "Link", devices: "Devices", rate: "Samples/s", spool: "Spool", good: "Good", questionable: "?", invalid: "×", stale: "Stale", figures: "Key figures" },
  headWords: { spool: "batches that wait at the site", questionable: "questionable values", invalid: "invalid values", stale: "stale values" },
  /** @param {string} age */
  lost: (age) => `lost ${age}`,
  link: { up: "up", lost: "lost", waiting: "waiting" },
  /**
   * @param {number} unacknowledged
   * @param {number} acknowledged
   */
  alarms: (unacknowledged, acknowledged) => `${unacknowledged} unacknowledged, ${acknowledged} acknowledged`,

  /** @param {string} site */
  singleLine: (site) => `Single line of ${site}`,

  links: "Links",
  linksWords: "sites dial the DMZ, and so does the center",

  map: "Map of the stations",
  noCoordinates: "No station has coordinates.",
  /**
   * @param {number} up
   * @param {number} all
   */
  devices: (up, all) => `${up}/${all} devices`,
  /** @param {string} link */
  linkIs: (link) => `link ${link}`,
};
