/**
 * Where labels of a map go: beside their symbols, never over another label or symbol; those that matter most are placed first, over
 * symbols where there is no other way, and others that find no room are left out.
 * @module
 */

/**
 * @typedef {object} Spot
 * @property {string} name
 * @property {number} x of the symbol's middle, pixels
 * @property {number} y
 * @property {number} width of the label
 * @property {number} height
 * @property {number} weight the larger, the sooner it is placed
 * @typedef {{x: number, y: number, anchor: "start" | "end" | "middle"}} Place the label's top at its anchor
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box
 */

/**
 * @param {Spot[]} spots
 * @param {number} reach half a symbol, and the gap beside it
 * @param {number} width of the map
 * @param {number} height
 * @returns {Map<string, Place>}
 */
export function placeLabels(spots, reach, width, height) {
  /** @type {Box[]} */
  const symbols = spots.map(({ x, y }) => ({ left: x - reach, top: y - reach, right: x + reach, bottom: y + reach }));
  /** @type {Box[]} */
  const labels = [];
  /** @type {Map<string, Place>} */
  const places = new Map();
  const order = [...spots].sort((one, other) => other.weight - one.weight || one.y - other.y || one.x - other.x);
  for (const spot of order) {
    const choices = /** @type {[Place, number][]} */ ([
      [{ x: spot.x + reach + 2, y: spot.y - spot.height / 2, anchor: "start" }, spot.x + reach + 2],
      [{ x: spot.x - reach - 2, y: spot.y - spot.height / 2, anchor: "end" }, spot.x - reach - 2 - spot.width],
      [{ x: spot.x, y: spot.y + reach + 1, anchor: "middle" }, spot.x - spot.width / 2],
      [{ x: spot.x, y: spot.y - reach - 1 - spot.height, anchor: "middle" }, spot.x - spot.width / 2],
    ]);
    /** @param {Box[]} avoided */
    const tryBeside = (avoided) => {
      for (const [place, left] of choices) {
        const box = { left, top: place.y, right: left + spot.width, bottom: place.y + spot.height };
        if (box.left < 2 || box.top < 2 || box.right > width - 2 || box.bottom > height - 2) continue;
        if (avoided.some((other) => box.left < other.right && other.left < box.right && box.top < other.bottom && other.top < box.bottom)) continue;
        labels.push(box);
        places.set(spot.name, place);
        return true;
      }
      return false;
    };
    if (!tryBeside([...symbols, ...labels]) && spot.weight > 0) tryBeside(labels);
  }
  return places;
}
