/**
 * What a faceplate says of a point, of equipment, of a device.
 * @module
 */

export const texts = {
  close: "Close",
  page: "Page of the point",
  trend: "Trend workbench",
  loading: "Reading …",
  /** @param {string} words */
  failed: (words) => `This cannot be shown: ${words}`,
  points: "Points of the equipment",
  last15: "Last 15 minutes",
  neverWords: "Nothing was heard of this point since the center started.",
  /** @param {string} age */
  age: (age) => `${age} ago`,
  /** @param {string} reason */
  stale: (reason) => `stale: ${reason}`,
  staleBy: { server: "there are no live data", site: "its site is not heard", silence: "it was silent for too long" },
  deviceTime: "by the device's own clock",
  gatewayTime: "by the gateway's clock: the device sends no time, or its clock is wrong",

  facts: { quality: "Quality", time: "Time", age: "Age", range: "Makes sense", kind: "Kind", equipment: "Equipment", device: "Device", address: "Address", state: "Switching state" },
  ranges: {
    /**
     * @param {string} low
     * @param {string} high
     */
    both: (low, high) => `${low} to ${high}`,
    /** @param {string} low */
    low: (low) => `from ${low}`,
    /** @param {string} high */
    high: (high) => `up to ${high}`,
  },
  kinds: { analog: "measured value", binary: "state, on or off", double: "position of a switch", counter: "counter", setpoint: "setpoint", control: "command" },

  alarms: "Alarms",
  noAlarms: "No alarm can come from this.",
  acknowledge: "Acknowledge",
  /** @param {string} alarm */
  acknowledgeOne: (alarm) => `Acknowledge ${alarm}`,
  /** @param {string} state */
  state: (state) => state.replaceAll("_", " "),

  faceplate: "Faceplate",
  operating: "Operating",
  command: "Command",
  notWritable: "This point takes no commands.",

  deviceTitle: "Device",
  protocol: "Protocol",
  address: "Address",
  connected: "Connected",
  up: "answers",
  down: "does not answer",
  unknownState: "not known: its site is not heard",
  notPolled: "is no device",
  since: "Since",
  sinceUnknown: "before the oldest event that is kept here",
  polls: "Polls",
  errors: "Errors",
  timeouts: "Timeouts",
  reconnects: "Reconnects",
  roundTrip: "Round trip",
  statistics: "Statistics",
  values: "Values",
  valueHeads: { name: "Point", description: "Description", value: "Value", unit: "Unit", age: "Age", address: "Address" },
  filter: "Filter: name, description, address",
  filterLabel: "Filter points",
  events: "Newest events",
  noEvents: "No event of this device is kept here.",
  /**
   * @param {number} shown
   * @param {number} all
   */
  found: (shown, all) => (shown === all ? `${all} points` : `${shown} of ${all} points`),
};
