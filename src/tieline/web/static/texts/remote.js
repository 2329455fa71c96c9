/**
 * What the page of remote access says.
 * @module
 */

export const texts = {
  title: "Remote access",
  /**
   * @param {number} running
   * @param {number} waiting
   */
  subtitle: (running, waiting) => `${running === 1 ? "1 session runs" : `${running} sessions run`} · ${waiting === 1 ? "1 grant waits" : `${waiting} grants wait`} for approval`,
  running: "Sessions",
  /** @param {string} door */
  door: (door) => `through the DMZ at ${door}; every byte is recorded`,
  noSession: "No session runs.",
  grants: "Grants",
  grantsHint: "asked for by one person, approved by another, for one service of one device",
  noGrant: "Nobody has asked for remote access.",
  history: "Ended",
  noHistory: "No session has ended yet.",
  askTitle: "Ask for a grant",
  service: "Service of a device",
  noService: "Choose what is to be reached.",
  reason: "Reason",
  reasonHint: "why, for who approves it and for the record",
  sayWhy: "Say why.",
  minutes: "Minutes",
  ask: "Ask",
  approve: "Approve",
  refuse: "Refuse",
  refuseReason: "Why it is refused",
  withdraw: "Withdraw",
  cut: "Cut",
  cutAll: "Cut all",
  cutReason: "Why it is cut",
  keep: "Leave it",
  recording: "Recording",
  connect: "To connect",
  /** @param {string} grant */
  command: (grant) => `tieline remote connect ${grant}`,
  factor: "To approve takes a second factor.",
  /**
   * @param {string} verb
   * @param {string} person
   * @param {string} target
   */
  act: (verb, person, target) => `${verb} remote access of ${person} to ${target}`,
  sessionHeads: { state: "State", target: "Device and service", person: "Person", reason: "Reason", address: "From", left: "Ends in", up: "To the device, kB", down: "From it, kB", actions: "Actions" },
  grantHeads: { state: "State", target: "Device and service", person: "Person", reason: "Reason", time: "From", until: "Until", decided: "Decided by", actions: "Actions" },
  historyHeads: { closed: "Ended", target: "Device and service", person: "Person", words: "Why", lasted: "Lasted", up: "To the device, kB", down: "From it, kB", actions: "Recording" },
  states: { asked: "waits for approval", approved: "approved", refused: "refused", ended: "ended", opening: "opening", open: "open", closed: "closed" },
};
