/**
 * Who is logged in, and what is offered to them. The server decides by itself: what is not offered here is refused there.
 * @module
 */

import { send, token } from "./login/requests.js";

/**
 * @typedef {object} Session
 * @property {string} person
 * @property {string[]} roles
 * @property {string[] | null} areas the sites in which the roles hold; null for all
 * @property {boolean} may_control whether a second factor permits control now
 * @property {number} controls_for_s
 * @property {number} idle_minutes
 */

/** Which roles may do what (IEC 62351-8); a point's own rules may ask for more. */
const RIGHTS = {
  acknowledge: ["operator"],
  shelve: ["operator"],
  takeOut: ["engineer"],
  operate: ["operator", "engineer", "installer"],
  tag: ["operator", "engineer", "installer"],
  administer: ["security_administrator"],
  audit: ["security_administrator", "security_auditor"],
};

/** @typedef {keyof typeof RIGHTS} Right */

export class Identity {
  /** @param {Session | null} session null where nobody is logged in: everything is shown, and nothing can be done */
  constructor(session) {
    this.session = session;
    this.person = session?.person ?? "";
    this.roles = session?.roles ?? [];
  }

  /**
   * Whether the person may do this at a site, or anywhere where none is named.
   * @param {Right} right
   * @param {string} [site]
   */
  may(right, site) {
    const areas = this.session?.areas ?? null;
    const isThere = site === undefined || areas === null || areas.includes(site);
    return isThere && RIGHTS[right].some((role) => this.roles.includes(role));
  }
}

/** Asks who is logged in here. */
export async function readIdentity() {
  return new Identity(token() ? await send("GET", "session") : null);
}

/** @param {string} role */
export const roleInWords = (role) => role.replaceAll("_", " ");
