import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { drawLine } = await load("trend-paint.js");

/** What is drawn of a value that was 1 for a long time and is 3 then, as corners of the line. */
function cornersOf(isStraight) {
  const corners = [];
  const ctx = {
    beginPath() {},
    stroke() {},
    setLineDash() {},
    moveTo: (x, y) => corners.push([x, y]),
    lineTo: (x, y) => corners.push([x, y]),
  };
  const last = Float64Array.from([1, Number.NaN, Number.NaN, Number.NaN, 3]);
  const columns = { last, severity: Uint8Array.from([0, 255, 255, 255, 0]), isBreak: new Uint8Array(5) };
  drawLine({ ctx, left: 0, top: 0, height: 4, min: 0, max: 4, color: "", ratio: 1 }, columns, 1, false, -1, isStraight);
  return corners;
}

test("a value that is reported when it changes is drawn as it was held", () => {
  assert.deepEqual(cornersOf(false), [[0.5, 3], [3.5, 3], [4.5, 1]]);
});

test("a value between two ends of a swinging door is drawn straight", () => {
  assert.deepEqual(cornersOf(true), [[0.5, 3], [4.5, 1]]);
});
