/**
 * Requests of somebody who is logged in, or about to be.
 * @module
 */

import { ApiError } from "../api.js";

/**
 * The session's token, which every request that changes something carries; empty where nobody is logged in.
 * @returns {string}
 */
export function token() {
  return /(?:^|; )(?:__Host-)?tieline_token=([0-9a-f]+)/.exec(document.cookie)?.[1] ?? "";
}

/**
 * What a login elsewhere came back with, said once; empty where nothing is wrong.
 * @returns {string}
 */
export function takeProblem() {
  const found = /(?:^|; )((?:__Host-)?tieline_problem)=([^;]+)/.exec(document.cookie);
  if (!found) return "";
  document.cookie = `${found[1]}=; Max-Age=0; Path=/; SameSite=Strict${location.protocol === "https:" ? "; Secure" : ""}`;
  return decodeURIComponent(found[2]);
}

/**
 * What `/api/<path>` answers; null where it answers nothing.
 * @param {"GET" | "POST" | "PUT" | "DELETE"} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function send(method, path, body = undefined) {
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET") headers["tieline-token"] = token();
  const answer = await fetch(`/api/${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const said = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new ApiError(answer.status, said?.error?.message ?? `status ${answer.status}`);
  return said;
}

/**
 * Goes to the login, and comes back here afterwards.
 */
export function goToLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}
