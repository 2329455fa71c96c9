/**
 * Words of the communications network.
 * @module
 */

const STATES = { up: "up", down: "down", partly: "partly down", unknown: "not known", unwatched: "" };

export const texts = {
  title: "Network",
  subtitle: "Communications network",
  plan: "Plan of the network; arrow keys move it, plus and minus zoom, 0 shows all of it",
  allSites: "All sites",
  places: "Sites",
  all: "All",
  allWords: "Show all of it",
  closer: "Zoom in",
  wider: "Zoom out",
  /** @param {number} status */
  noDrawing: (status) => (status === 0 ? "the server does not answer" : status === 401 ? "nobody is logged in any more; log in and open the page again" : status === 404 ? "the utility folder describes no network there" : `the server could not draw it (status ${status}); its log says why`),

  links: STATES,
  /** @param {import("../network-state.js").LinkState} state */
  link: (state) => (state === "unwatched" ? "not watched" : `link ${STATES[state]}`),
  nodes: { answers: "answers", silent: "does not answer", unknown: "not known: its site is not heard", unwatched: "not watched" },
  /** @param {string} speeds @param {number} percent */
  load: (speeds, percent) => `${speeds} · ${percent < 0.5 ? "<1" : Math.round(percent)} %`,
  /** @param {number} count */
  differs: (count) => (count === 1 ? "1 difference" : `${count} differences`),
  /** @param {number} count */
  moreAlarms: (count) => `${count} more alarms`,

  now: {
    title: "Not as designed now",
    unwatched: "Nobody watches this network: network.toml has no [watch]. The plan and the findings are those of the design.",
    unwatchedHere: "Nothing is watched here. The plan and the findings are those of the design.",
    /** @param {number} nodes @param {number} unknown */
    right: (nodes, unknown) => (nodes === unknown ? "Nothing is known of the network at this moment." : `${nodes - unknown} of ${nodes} watched nodes answer; what they say is as designed.`),
    /** @param {number} unknown */
    unknown: (unknown) => (unknown === 1 ? "1 node is not known: its site is not heard." : `${unknown} nodes are not known: their sites are not heard.`),
    silent: "does not answer",
    /** @type {Record<string, (where: string, link: string) => string>} */
    words: {
      link: (where, link) => (link ? `link ${link} is down (${where})` : `link at ${where} is down`),
      supply: (where) => `supply ${where} is lost`,
      poe: (where) => `${where} delivers no power`,
      neighbor: (where) => `another neighbor than designed at ${where}`,
      firmware: () => "other firmware than designed",
    },
    /** @param {number} count */
    drift: (count) => (count === 1 ? "1 difference from the design" : `${count} differences from the design`),
    newest: "Newest changes",
  },

  node: {
    none: "Choose a node of the plan.",
    state: "State",
    /** @param {string} firmware */
    firmware: (firmware) => `firmware as designed: ${firmware}`,
    /** @type {Record<string, string>} */
    measured: { supply: "Supply", temperature_c: "Inside", uptime_s: "Up for", poe_used_percent: "PoE used", firmware: "Firmware", drift: "Differences" },
    ports: "Ports",
    /** @param {string} node */
    portsOf: (node) => `Ports of ${node}`,
    /** @param {number} count */
    without: (count) => (count === 0 ? "" : count === 1 ? "1 port without a link is left out." : `${count} ports without a link are left out.`),
    heads: { port: "Port", link: "Link", to: "To", speed: "Mbit/s", in: "In, %", out: "Out, %", errors: "Errors/s", poe: "PoE, W", vlans: "VLANs", act: "Power" },
    device: "All values",
    alarms: "Alarms",
    close: "Close",
    neighborWrong: "found another neighbor",
    /** @param {string} fed */
    restart: (fed) => (fed ? `Restart ${fed}` : "Restart"),
    switchPower: "Power",
    power: "has power",
    asDesigned: "as designed",
    otherFirmware: "another than designed",
    /** @param {string} node @param {string} port @param {string} fed */
    powerOf: (node, port, fed) => `Power of ${node} port ${port}${fed ? `: ${fed}` : ""}`,
    noPower: "no power",
  },

  findings: {
    title: "Design",
    pending: "The design is being proven …",
    /** @param {string} why */
    failed: (why) => `The findings cannot be shown: ${why}.`,
    first: "What breaks first when traffic grows",
    /** @param {number} stopping */
    losses: (stopping) => (stopping === 1 ? "What the single failure stops that stops something" : `What single failures stop, the worst of ${stopping}`),
    show: "Show",
    /** @param {string} node */
    showNode: (node) => `Show ${node} on the plan`,
    /** @param {number} count */
    elsewhere: (count) => (count === 1 ? "1 finding of other sites" : `${count} findings of other sites`),
    none: "Nothing here.",
    signs: { ok: "✓", fails: "✗", unknown: "?", information: "·" },
    verdicts: { ok: "right", fails: "fails", unknown: "not known", information: "information" },
  },
};
