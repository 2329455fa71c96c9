/**
 * What the page of events says.
 * @module
 */

export const texts = {
  title: "Events",
  subtitle: "sequence of events",
  /** @type {Record<string, string>} */
  severities: { info: "info", warning: "warning", error: "error" },
  columns: { time: "Time", site: "Station", device: "Device", severity: "Severity", kind: "Kind", text: "Event" },
  filters: {
    site: "Station",
    everySite: "all stations",
    device: "Device",
    everyDevice: "all devices",
    kind: "Kind",
    everyKind: "every kind",
    severity: "Severity",
    text: "Filter: words of the event",
    textLabel: "Filter events by text",
    export: "Export csv",
  },
  pause: "Pause",
  go: "Go on",
  /** @param {number} count */
  waiting: (count) => (count ? `paused, ${count} new` : "paused"),
  live: "live",
  past: "a range of the past",
  /**
   * @param {number} count
   * @param {boolean} isAll
   */
  found: (count, isAll) => (isAll ? `${count} events` : `${count} events, older ones as you scroll`),
  loading: "loading …",
  empty: "No event fits.",
  keys: { filter: "filter the list", pause: "pause, or go on with new events" },
};
