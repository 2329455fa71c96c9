/**
 * Drawings of the server as elements of this document. The browser parses them as they come: parsing a text would need markup to be trusted.
 * @module
 */

import { ApiError } from "./api.js";

/**
 * The drawing at `/api/<path>`.
 * @param {string} path
 * @param {(status: number) => string} why in words, why there is none; of status 0, that the server does not answer
 * @returns {Promise<SVGSVGElement>}
 */
export function fetchSvg(path, why) {
  const request = new XMLHttpRequest();
  request.open("GET", `/api/${path}`);
  request.responseType = "document";
  return new Promise((resolve, reject) => {
    request.addEventListener("error", () => reject(new TypeError(why(0))));
    request.addEventListener("load", () => {
      const root = request.response?.documentElement;
      if (request.status === 200 && root instanceof SVGSVGElement) resolve(document.importNode(root, true));
      else reject(new ApiError(request.status, why(request.status)));
    });
    request.send();
  });
}
