/**
 * What the page of links and health says.
 * @module
 */

export const texts = {
  title: "System",
  /** @param {number} wrong */
  subtitle: (wrong) => (wrong === 0 ? "everything in order" : `${wrong} in want of attention`),
  roles: "Roles",
  rolesWords: "what is wrong first; each value leads to its trend",
  processes: "Processes of the center",
  processesWords: "asked every few seconds",
  devices: "Devices",
  /**
   * @param {number} wrong
   * @param {number} all
   */
  devicesWords: (wrong, all) => (wrong ? `${wrong} of ${all} do not answer, or not well; they stand first` : `all ${all} answer`),
  filter: "Filter: station, device, protocol",
  filterLabel: "Filter devices",
  keys: { filter: "filter the devices" },
  links: { up: "up", lost: "lost", waiting: "waiting", unknown: "not known" },
  /** @type {Record<string, string>} */
  columns: {
    role: "Role",
    link: "Link",
    wrong: "In want of attention",
    heard: "Newest value",
    link_round_trip_ms: "Round trip, ms",
    clock_offset_ms: "Clock ahead, ms",
    loop_lag_ms: "Loop lag, ms",
    cpu_percent: "CPU, %",
    memory_mb: "Memory, MB",
    backlog: "Backlog",
    spool_percent: "Spool, %",
    disk_used_percent: "Disk used, %",
    disk_free_mb: "Disk free, MB",
    bus_memory_mb: "Bus memory, MB",
    bus_restarts: "Bus restarts",
    certificate_left_days: "Certificate, d",
    uptime_s: "Up for",
  },
  /** @type {Record<string, string>} */
  words: {
    heard: "how old the newest value of the role is",
    clock_offset_ms: "how far the center's clock is ahead of the site's",
    loop_lag_ms: "the longest delay of the event loop in the last second",
    backlog: "batches that wait: at a site for the center, at the center for the historian",
    certificate_left_days: "until the role's certificate expires",
  },
  trouble: {
    lost: "link lost",
    waiting: "not heard since the start",
    old: "values are old",
    /** @param {string} what @param {string} value */
    value: (what, value) => `${what} ${value}`,
    /** @param {number} count */
    devices: (count) => (count === 1 ? "1 device does not answer" : `${count} devices do not answer`),
    /** @param {string} count @param {string} what */
    given: (count, what) => `${count} ${what} given up`,
  },
  process: {
    /** @type {Record<string, string>} */
    names: { web: "Web (pages and API)", historian: "Historian", scada: "Alarms and control" },
    up: "up",
    down: "down",
    columns: { name: "Process", state: "State", answer: "Answers in, ms", cpu: "CPU, %", memory: "Memory, MB", lag: "Loop lag, ms", uptime: "Up for", words: "In words" },
    notAsked: "The web server does not answer.",
  },
  device: {
    columns: { site: "Station", name: "Device", protocol: "Protocol", state: "State", since: "Since", errors: "Errors", timeouts: "Timeouts", reconnects: "Reconnects", trip: "Response, ms", cycle: "Poll cycle, %", overruns: "Overruns", description: "Description" },
    words: { since: "for how long it has answered, or not: since the event that says so, or since its gateway was started", cycle: "how long the poll cycle takes, of its period", overruns: "poll cycles that did not happen" },
    up: "up",
    down: "down",
    unknown: "not known",
    empty: "No device fits.",
  },
};
