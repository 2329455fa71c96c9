/**
 * What the overview says.
 * @module
 */

export const texts = {
  title: "Overview",
  map: "Stations",
  mapWords: "by position; hollow is not heard",
  tiles: "Key figures",
  linked: "stations linked",
  devices: "devices up",
  good: "values good",
  frequency: "Hz",
  /** @param {string} unit */
  plants: (unit) => `${unit} from plants`,
  alarms: "alarms standing",
  power: "Active power",
  /** @param {string} unit */
  powerWords: (unit) => `${unit}, last 15 min — min/max kept per pixel`,
  powerLabel: "Power of each station over the last 15 minutes",
  stations: "Stations",
  stationsWords: "alarms, link, key figures",
  events: "Events",
  eventsWords: "newest first",
};
