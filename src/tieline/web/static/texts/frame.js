/**
 * What the frame around every page says: header, alarm banner, keyboard, search.
 * @module
 */

export const texts = {
  tryAgain: "Try again",
  /** @param {string} words */
  cannotBeShown: (words) => `This page cannot be shown: ${words}.`,
  /** @param {string} roles */
  refused: (roles) => `it is for people with the role ${roles}`,
  /** @param {string} reason */
  noLiveData: (reason) => `No live data: ${reason}. Everything shown is old; reconnecting.`,
  closed: "the connection to the server is closed",
  silent: "the server is silent",
  sessionEnded: "the session has ended",

  quality: { questionable: "questionable values", invalid: "invalid values", stale: "stale values" },
  linkWaiting: "link waiting",
  /** @param {string} link */
  link: (link) => `link ${link}`,
  /** @param {number} count */
  moreLost: (count) => `and ${count} more`,
  linkState: "Live data",
  /** @param {string} zone */
  clock: (zone) => `Times are in ${zone}`,
  /**
   * @param {string} zone
   * @param {string} other
   */
  clockSwitch: (zone, other) => `Times are in ${zone}; switch to ${other}`,
  /** @param {string} zone */
  siteTime: (zone) => `site time (${zone})`,
  /** @param {string} choice */
  theme: (choice) => `Day or night theme: ${choice}`,
  themes: { night: "night", day: "day", auto: "as the system says" },
  shortcutsButton: "Keyboard shortcuts",
  searchButton: "Search",

  localScreen: {
    /** @param {string} title */
    of: (title) => `Local screen of ${title}`,
    unknown: "whether the center can be reached is not known",
    reached: "center reached",
    lost: "center not reached: the site goes on alone, what it measures is kept and sent later",
  },

  person: {
    menu: "You",
    /** @param {string} roles */
    roles: (roles) => `Roles: ${roles}`,
    /** @param {string} sites */
    sites: (sites) => `Sites: ${sites}`,
    everySite: "every site",
    none: "none",
    account: "Your account",
    accounts: "Accounts",
    leave: "Log out",
    nobody: "only shown",
    nobodyWords: "Nobody logs in here: nothing can be operated or acknowledged.",
  },

  alarms: {
    banner: "Alarms",
    unacknowledged: "unacknowledged",
    /**
     * @param {number} count
     * @param {number} priority
     * @param {string} name
     */
    count: (count, priority, name) => `${count} unacknowledged of priority ${priority}, ${name}`,
    none: "No unacknowledged alarms",
    unknown: "Alarms are not known yet",
    /** @param {number} count */
    more: (count) => `${count} more`,
    list: "All alarms",
    acknowledge: "Acknowledge",
    /** @param {string} alarm */
    acknowledgeOne: (alarm) => `Acknowledge ${alarm}`,
    notHeard: "Alarms are not supervised at the moment; supervision is started again. What is shown may be old.",
    old: "Alarms are not known: there are no live data.",
    returned: "returned",
  },

  sound: {
    off: "Sound off",
    on: "Sound on",
    blocked: "Sound waits: the browser plays nothing before you click or press a key on this page",
    elsewhere: "Sound comes from another window of this browser",
    missing: "This browser plays no sound",
    turnOn: "Switch alarm sounds on",
    turnOff: "Switch alarm sounds off",
    silence: "Silence",
    silenceWords: "Silence until the next alarm",
  },

  shortcuts: {
    title: "Keyboard",
    everywhere: "Everywhere",
    here: "On this page",
    /** @param {string} page */
    go: (page) => `go to ${page}`,
    help: "show this",
    search: "search points, stations, alarms, pages",
    acknowledge: "acknowledge the first alarm of the banner",
    silence: "silence the alarm sound",
    theme: "day, night, automatic",
    clock: "UTC or site time",
    close: "Close",
    then: "then",
  },

  search: {
    title: "Search",
    label: "Search points, stations, alarms and pages",
    placeholder: "point, description, equipment, station, alarm",
    nothing: "Nothing fits.",
    /** @param {number} count */
    found: (count) => `${count} found`,
    kinds: { point: "point", station: "station", alarm: "alarm", page: "page" },
  },
};
