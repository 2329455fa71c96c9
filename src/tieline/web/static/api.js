/**
 * Requests to `/api`.
 * @module
 */

/** An answer with a status of 400 and above; the message is for people. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * The body of `/api/<path>`, as its documentation says.
 * @param {string} path
 * @param {Record<string, string | number>} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, query = {}, signal = undefined) {
  const parameters = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  const answer = await fetch(`/api/${path}?${parameters}`, { signal, headers: { accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok) throw new ApiError(answer.status, body?.error?.message ?? `status ${answer.status}`);
  return body;
}

/**
 * All points of a site.
 * @param {string} site
 * @returns {Promise<import("./types.js").Point[]>}
 */
export async function getPointsOf(site) {
  const points = [];
  for (;;) {
    const page = await get("points", { site, limit: 5_000, offset: points.length });
    points.push(...page.points);
    if (points.length >= page.total || !page.points.length) return points;
  }
}

/**
 * Points that there are, by id, in as few requests as they need.
 * @param {number[]} ids
 * @returns {Promise<Map<number, import("./types.js").Point>>}
 */
export async function getPointsById(ids) {
  /** @type {Map<number, import("./types.js").Point>} */
  const found = new Map();
  for (let first = 0; first < ids.length; first += 1_000) {
    const wanted = ids.slice(first, first + 1_000);
    for (const point of (await get("points", { points: wanted.join(","), limit: wanted.length })).points) found.set(point.id, point);
  }
  return found;
}

/**
 * Some points by path or id; those that there are not are left out.
 * @param {(string | number)[]} references
 * @returns {Promise<import("./types.js").Point[]>}
 */
export async function getPoints(references) {
  const answers = await Promise.allSettled(
    references.map((reference) => get(`points/${String(reference).split("/").map(encodeURIComponent).join("/")}`)),
  );
  return answers.flatMap((answer) => {
    if (answer.status === "fulfilled") return [answer.value];
    if (answer.reason instanceof ApiError && answer.reason.status === 404) return [];
    throw answer.reason;
  });
}
