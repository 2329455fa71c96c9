/**
 * What switching programs say.
 * @module
 */

export const texts = {
  title: "Switching programs",
  /**
   * @param {number} programs
   * @param {number} running
   */
  subtitle: (programs, running) => `${programs} programs, ${running} under way`,
  list: "Programs",
  none: "The folder has no switching programs: each is a file in programs/.",
  choose: "Choose a program.",
  steps: "Steps",
  /** @param {number} count */
  stepCount: (count) => (count === 1 ? "1 step" : `${count} steps`),
  runs: "Runs",
  noRuns: "It was not run yet.",
  start: "Start",
  /** @param {string} title */
  startWhat: (title) => `Start ${title}?`,
  startNow: "Start now",
  notNow: "Not now",
  stop: "Stop",
  resume: "Resume",
  repeat: "Resume, and repeat the step",
  done: "Resume: the step is done",
  confirm: "Confirm the step",
  abandon: "Abandon",
  abandonWhat: "Abandon the run? It cannot be resumed then.",
  abandonNow: "Abandon it",
  approve: "Approve the step",
  /** @param {string} why */
  mayNot: (why) => `You cannot lead it: ${why}.`,
  mayStopOnly: "You may stop it, not lead it.",
  cut: "There are no live data: nothing is started, confirmed or resumed now. Stop is tried.",
  states: { running: "running", waiting: "waits for a person", stopped: "stopped", done: "done", abandoned: "abandoned" },
  stepStates: {
    pending: "not yet",
    checking: "waits until it may begin",
    executing: "its command is under way",
    verifying: "waits for its effect",
    pausing: "pauses",
    done: "done",
    failed: "failed",
  },
  /**
   * @param {string} state
   * @param {number} step
   * @param {number} all
   */
  standing: (state, step, all) => `${state}, step ${step} of ${all}`,
  /**
   * @param {string} person
   * @param {string} time
   */
  ledBy: (person, time) => `Led by ${person}, since ${time}.`,
  before: "Before",
  after: "After",
  /**
   * @param {string} expression
   * @param {number} seconds
   */
  within: (expression, seconds) => (seconds ? `${expression}, within ${seconds} s` : expression),
  needsConfirm: "a person confirms it",
  /** @param {number} seconds */
  pause: (seconds) => `then ${seconds} s pause`,
  /** @param {number} number */
  attempt: (number) => `attempt ${number}`,
  unknown: "Nobody knows whether this step acted. Look at the equipment, then say.",
};
