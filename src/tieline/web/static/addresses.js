/**
 * Where things are: every page, point and time range is an address.
 * @module
 */

/** @param {string} site */
export const siteAddress = (site) => `/site/${encodeURIComponent(site)}`;

/**
 * The single-line of a site.
 * @param {string} site
 */
export const diagramAddress = (site) => `${siteAddress(site)}/diagram`;

/**
 * Where a point is shown by itself.
 * @param {string} path
 */
export const pointAddress = (path) => `/point/${path.split("/").map(encodeURIComponent).join("/")}`;

/**
 * @param {string} site
 * @param {string} device
 */
export const deviceAddress = (site, device) => `/device/${encodeURIComponent(site)}/${encodeURIComponent(device)}`;

/**
 * @param {string[]} paths
 * @param {string} [from] ISO 8601, or relative like `-1h`
 * @param {string} [to]
 */
export const trendAddress = (paths, from = "-1h", to = "now") =>
  `/trend?points=${paths.join(",")}&from=${encodeURIComponent(from)}${to === "now" ? "" : `&to=${encodeURIComponent(to)}`}`;

/**
 * The list of alarms, narrowed.
 * @param {Record<string, string>} [filter] `site`, `priority`, `text`
 */
export function alarmsAddress(filter = {}) {
  const query = new URLSearchParams(filter).toString();
  return query ? `/alarms?${query}` : "/alarms";
}

/**
 * The network of a place, or of all; with a node that is looked at.
 * @param {string} [place]
 * @param {string} [node]
 */
export const networkAddress = (place = "", node = "") =>
  `/network${place && `/${encodeURIComponent(place)}`}${node && `?node=${encodeURIComponent(node)}`}`;
