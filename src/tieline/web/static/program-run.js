/**
 * What a person may do with a switching program as it stands now. Decided in one place, without a screen.
 * @module
 */

/** @typedef {"start" | "stop" | "confirm" | "approve" | "resume" | "repeat" | "done" | "abandon"} Action */

/**
 * The server decides by itself; this is what is offered.
 * @param {object} now
 * @param {{may_lead: boolean, may_stop: boolean}} now.program
 * @param {import("./types.js").Run | null} now.run the newest one; null where there is none
 * @param {string} now.person
 * @param {boolean} now.isLive
 * @param {import("./types.js").Outcome | null} now.outcome of the present step's last command
 * @param {import("./types.js").Selection | null} now.selection what it waits to be approved
 * @returns {Action[]}
 */
export function runActions({ program, run, person, isLive, outcome, selection }) {
  const lead = program.may_lead && isLive;
  /** @type {Action[]} */
  const stop = program.may_stop ? ["stop"] : [];
  if (run === null || run.state === "done" || run.state === "abandoned") return lead ? ["start"] : [];
  const step = run.steps[run.step];
  switch (run.state) {
    case "running":
      return stop;
    case "waiting": {
      const isOpen = selection?.verdicts.some((verdict) => verdict.check === "second_person" && verdict.standing === "open");
      if (isOpen) return isLive && program.may_stop && selection?.requester !== person ? ["approve", ...stop] : stop;
      return lead && step?.state === "pending" ? ["confirm", ...stop] : stop;
    }
    default:
      if (!lead) return [];
      return outcome?.result === "unknown" ? ["repeat", "done", "abandon"] : ["resume", "abandon"];
  }
}
