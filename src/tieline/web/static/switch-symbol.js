/**
 * The position of a switch as a shape: filled closed, hollow open, dashed between, hatched bad; the state is set as `data-state`.
 * On and off are a filled and a hollow disc.
 * @module
 */

import { draw } from "./dom.js";

export function makeSwitchSymbol() {
  const hatch = draw("path", { class: "hatch", d: "M1 6 L6 1 M1 11 L11 1 M6 11 L11 6" });
  const square = draw("rect", { class: "square", x: 1, y: 1, width: 10, height: 10 });
  const disc = draw("circle", { class: "disc", cx: 6, cy: 6, r: 4 });
  return draw("svg", { class: "switch", viewBox: "0 0 12 12", "aria-hidden": "true" }, square, hatch, disc);
}
