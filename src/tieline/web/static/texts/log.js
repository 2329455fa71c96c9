/**
 * What the page of the system's log says.
 * @module
 */

export const texts = {
  title: "Log",
  subtitle: "who did what, and what the system complains about",
  tabs: { label: "Lists", audit: "Audit", logs: "Logs of the roles" },
  audit: {
    label: "Audit records",
    columns: { time: "Time", site: "Of", actor: "Who", action: "What", target: "On what", outcome: "Outcome", detail: "Details" },
    person: "Person",
    action: "Action",
    target: "Target",
    outcome: "Outcome",
    place: "Audit of",
    everyPlace: "every audit",
    /** @type {Record<string, string>} */
    places: {
      center: "center (control, alarms)",
      web: "web (logins, accounts)",
      remote: "remote access",
      authority: "authority (certificates)",
    },
    /**
     * @param {number} count
     * @param {boolean} isAll
     */
    found: (count, isAll) => (isAll ? `${count} records` : `${count} records, older ones as you scroll`),
    empty: "No record fits.",
    /** @param {{name: string, by: string, entries: number, seen: number, seen_time: string | null}[]} audits */
    seen: (audits) =>
      audits.length === 0
        ? ""
        : `Seen and signed in another zone: ${audits.map((audit) => `${audit.name} ${audit.seen} of ${audit.entries}`).join(" · ")}`,
  },
  logs: {
    label: "Lines of the logs",
    columns: { time: "Time", source: "Log", role: "Role", level: "Level", event: "What", detail: "Details" },
    level: "Level",
    levels: { warning: "warnings and errors", error: "errors", info: "everything but debug" },
    source: "Log",
    everySource: "all logs",
    text: "Filter: words of the line",
    /** @param {number} count */
    found: (count) => `${count} lines`,
    empty: "Nothing of that kind in the newest part of the logs.",
    /** @param {string} name @param {string} words */
    missing: (name, words) => `${name}: ${words}`,
    refresh: "Read again",
  },
  loading: "reading …",
  keys: { filter: "filter the list" },
};
