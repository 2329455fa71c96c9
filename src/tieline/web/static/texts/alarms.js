/**
 * What the page of alarms says.
 * @module
 */

export const texts = {
  title: "Alarms",
  /**
   * @param {number} unacknowledged
   * @param {number} standing
   */
  subtitle: (unacknowledged, standing) => `${unacknowledged} unacknowledged, ${standing} in all`,
  onlyShown: "Only shown: nobody is logged in here.",
  notHeard: "Alarms are not supervised at the moment; supervision is started again. The list may be old.",
  /**
   * @param {number} count
   * @param {string} since
   */
  flood: (count, since) => `Alarm flood since ${since}: ${count} new alarms. Work by priority; acknowledge what you have read.`,

  tabs: { label: "Lists", standing: "Alarms", shelved: "Shelved", suppressed: "Suppressed by design", out: "Out of service", figures: "Figures" },
  filters: {
    site: "Station",
    everySite: "all stations",
    priority: "Priority",
    state: "State",
    everyState: "every state",
    kind: "Kind",
    everyKind: "every kind",
    text: "Filter: alarm, equipment, area, group",
    textLabel: "Filter alarms by text",
    clear: "Clear filters",
    /**
     * @param {number} shown
     * @param {number} all
     */
    found: (shown, all) => (shown === all ? `${all} ${all === 1 ? "alarm" : "alarms"}` : `${shown} of ${all} alarms`),
    /** @param {number} count */
    selected: (count) => (count ? `, ${count} selected` : ""),
  },
  /** @type {Record<string, string>} */
  states: {
    unacknowledged: "unacknowledged",
    returned_unacknowledged: "returned, unack.",
    latched_unacknowledged: "latched, unack.",
    acknowledged: "acknowledged",
    latched_acknowledged: "latched",
    shelved: "shelved",
    suppressed_by_design: "suppressed",
    out_of_service: "out of service",
    normal: "normal",
  },
  /** @type {Record<string, string>} */
  stateFilters: {
    any_unacknowledged: "everything unacknowledged",
    unacknowledged: "active, unacknowledged",
    returned_unacknowledged: "returned, unacknowledged",
    latched_unacknowledged: "latched, unacknowledged",
    acknowledged: "active, acknowledged",
    latched_acknowledged: "latched, to be reset",
    first_out: "first-out",
    chattering: "chattering",
    stale: "stale (active for 24 h)",
  },
  /** @type {Record<string, string>} */
  kinds: {
    high_high: "high-high",
    high: "high",
    low: "low",
    low_low: "low-low",
    deviation: "deviation",
    rate: "rate of change",
    state: "state",
    quality: "quality",
    communication: "communication",
    event: "event",
  },
  columns: {
    selectWords: "selected",
    priority: "P",
    priorityWords: "priority: 1 critical, 2 high, 3 medium, 4 low",
    state: "State",
    raised: "Raised",
    raisedWords: "when the condition came; ~ where it is not the device's own time",
    since: "Since",
    site: "Station",
    equipment: "Equipment / point",
    text: "Alarm",
    then: "Value then",
    now: "Now",
    limit: "Limit",
    response: "What to do",
    returns: "Comes back",
    reason: "Why, by whom",
    actionsWords: "actions",
  },
  empty: {
    standing: "No alarms.",
    shelved: "Nothing is shelved.",
    suppressed: "Nothing is suppressed by design.",
    out: "No alarm is out of service.",
    filtered: "No alarm fits the filters.",
  },
  marks: { first: "first-out", chattering: "chattering", stale: "stale", lost: "not heard" },
  markWords: {
    first: "it came first of its group",
    chattering: "it came three times within a minute",
    stale: "it has been active for more than 24 hours",
    lost: "its device or site is not heard: nobody knows whether the condition still holds",
  },
  /** @param {string} time */
  until: (time) => `at ${time}`,
  byDesign: "when its condition ends",
  byPerson: "when put back",

  actions: {
    acknowledge: "Acknowledge",
    short: "Ack",
    /** @param {string} alarm */
    acknowledgeOne: (alarm) => `Acknowledge ${alarm}`,
    /** @param {number} count */
    acknowledgeSelected: (count) => (count ? `Acknowledge selected (${count})` : "Acknowledge selected"),
    /** @param {number} count */
    acknowledgeVisible: (count) => `Acknowledge visible (${count})`,
    reset: "Reset",
    shelve: "Shelve…",
    unshelve: "Unshelve",
    takeOut: "Take out of service…",
    putBack: "Put back in service",
    trend: "Trend around it",
    faceplate: "Faceplate",
    diagram: "Single line",
    station: "Station",
    events: "Events around it",
    close: "Close",
  },
  dialog: {
    /** @param {number} count @param {string} first */
    shelve: (count, first) => (count === 1 ? `Shelve ${first}` : `Shelve ${count} alarms`),
    /** @param {number} count @param {string} first */
    takeOut: (count, first) => (count === 1 ? `Take ${first} out of service` : `Take ${count} alarms out of service`),
    reason: "Reason",
    time: "For",
    sayWhy: "Say why.",
    ok: { shelve: "Shelve", takeOut: "Take out of service" },
    cancel: "Cancel",
    takeOutWords: "It tells nobody anything until somebody puts it back.",
    times: { 15: "15 minutes", 30: "30 minutes", 60: "1 hour", 120: "2 hours", 240: "4 hours", 480: "8 hours" },
  },
  detail: {
    label: "The alarm at the cursor",
    none: "No alarm is chosen. The arrow keys move in the list.",
    condition: "Condition",
    active: "holds",
    gone: "is gone",
    raised: "Raised",
    received: "Known at the center",
    returned: "Returned",
    acknowledged: "Acknowledged",
    /** @param {string} time @param {string} person */
    by: (time, person) => `${time} by ${person}`,
    value: "Value then",
    limit: "Limit",
    count: "Came",
    /** @param {number} count */
    times: (count) => (count === 1 ? "once" : `${count} times`),
    group: "Group",
    area: "Area",
    shelvedUntil: "Shelved until",
    outBy: "Out of service by",
    reason: "Reason",
    consequence: "If nobody acts",
    response: "What to do",
    unsaid: "The alarm's row says nothing about it.",
    history: "History, last 7 days",
    noHistory: "Nothing in the last 7 days.",
    deviceTime: "by the device's own clock",
    otherTime: "by the gateway's or the center's clock",
    /** @type {Record<string, string>} */
    triggers: {
      raise: "came",
      return: "went",
      acknowledge: "acknowledged",
      reset: "reset",
      shelve: "shelved",
      unshelve: "unshelved",
      expire: "shelving ended",
      suppress: "suppressed",
      unsuppress: "no longer suppressed",
      take_out: "taken out of service",
      put_back: "put back in service",
    },
  },
  keys: {
    filter: "filter the list",
    acknowledge: "acknowledge what is selected, or at the cursor",
    visible: "acknowledge what is visible",
    shelve: "shelve what is selected, or at the cursor",
    reset: "reset what is selected, or at the cursor",
    faceplate: "faceplate of the point",
    trend: "trend around the alarm",
  },

  figures: {
    title: "How well the alarms serve their operators",
    source: "ISA-18.2 clause 16, IEC 62682; targets of EEMUA 191",
    range: "Over",
    ranges: { "-8h": "8 hours", "-24h": "24 hours", "-7d": "7 days", "-30d": "30 days" },
    operators: "Operators",
    figure: "Figure",
    measured: "Measured",
    target: "Target",
    verdict: "Verdict",
    met: "met",
    missed: "missed",
    rows: {
      alarms: "Alarms",
      per_operator_hour: "Alarms per hour and operator",
      most_in_ten_minutes: "Peak in any ten minutes, per operator",
      percent_of_hours_above_30: "Hours with more than 30 alarms per operator",
      floods: "Floods",
      percent_in_flood: "Time in a flood",
      top_ten: "Share of the ten most frequent alarms",
      chattering: "Chattering alarms",
      stale: "Stale alarms",
      standing: "Standing now",
      unacknowledged: "Unacknowledged now",
      shelved: "Shelved now",
      suppressed: "Suppressed by design now",
      out_of_service: "Out of service now",
    },
    targets: {
      per_operator_hour: "6, at most 12",
      most_in_ten_minutes: "10 or fewer",
      percent_of_hours_above_30: "below 1 %",
      floods: "none",
      percent_in_flood: "below 1 %",
      top_ten: "at most 5 %",
      chattering: "none",
      stale: "fewer than 5",
    },
    priorities: "Distribution of priorities",
    priority: "Priority",
    /** @type {Record<number, string>} */
    shares: { 1: "below 1 %", 2: "5 %", 3: "15 %", 4: "80 %" },
    count: "Alarms",
    share: "Share",
    actors: "Bad actors: the alarms that came most often",
    alarm: "Alarm",
    chattering: "Chattering: three times within a minute",
    stale: "Stale: active for more than 24 hours",
    floods: "Floods",
    began: "Began",
    ended: "Ended",
    goesOn: "goes on",
    none: "None.",
    reading: "Reading the journal …",
  },
};
