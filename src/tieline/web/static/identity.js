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
 * @property {Partial<Record<Right, { areas: string[] | null }>>} rights what the roles permit, and in which areas; null for all
 * @property {boolean} may_control whether a second factor permits control now
 * @property {number} controls_for_s
 * @property {number} idle_minutes
 */

/** @typedef {"view" | "acknowledge" | "shelve" | "take_out" | "operate" | "tag" | "clear_tags" | "abandon_programs" | "read_records" | "review_accounts" | "manage_accounts" | "review_rights" | "ask_remote" | "approve_remote" | "cut_remote" | "review_remote"} Right */

export class Identity {
  /** @param {Session | null} session null where nobody is logged in: everything is shown, and nothing can be done */
  constructor(session) {
    this.session = session;
    this.person = session?.person ?? "";
    this.roles = session?.roles ?? [];
  }

  /**
   * Whether the person may do this at a site, or anywhere where none is named; a point's own rules may ask for more.
   * @param {Right} right
   * @param {string} [site]
   */
  may(right, site) {
    const held = this.session?.rights[right];
    return held !== undefined && (site === undefined || held.areas === null || held.areas.includes(site));
  }
}

/** Asks who is logged in here. */
export async function readIdentity() {
  return new Identity(token() ? await send("GET", "session") : null);
}

/** @param {string} role */
export const roleInWords = (role) => role.replaceAll("_", " ");
