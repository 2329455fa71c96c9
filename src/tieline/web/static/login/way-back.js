/**
 * Where one goes after the login.
 * @module
 */

/**
 * The page that `?next=` names, as a whole address of our own: a path that is resolved twice can lead elsewhere (`/.//host`).
 * @param {string} search
 * @param {string} origin ours
 * @returns {string}
 */
export function wayBack(search, origin) {
  const next = new URLSearchParams(search).get("next") ?? "/";
  const address = next.startsWith("/") && URL.canParse(next, origin) ? new URL(next, origin) : new URL(origin);
  const isOurs = address.origin === origin && !address.pathname.startsWith("/login");
  return isOurs ? `${origin}${address.pathname}${address.search}` : `${origin}/`;
}
