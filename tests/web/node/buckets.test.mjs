import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { Buckets } = await load("buckets.js");

const series = (columns) => ({ id: 1, path: "a/b/c", unit: "", mean: [], ...columns });

test("history and live samples meet in the same buckets", () => {
  const buckets = new Buckets(0, 40, 10);
  buckets.fill(series({ time: [0, 10], min: [1, 2], max: [5, 6], last: [3, 4], severity: [0, 1] }));
  buckets.append(1, 15, 9, 0);
  buckets.append(1, 35, -1, 2);
  const lane = buckets.lane(1);
  assert.deepEqual([...lane.min], [1, 2, NaN, -1]);
  assert.deepEqual([...lane.max], [5, 9, NaN, -1]);
  assert.deepEqual([...lane.last], [3, 9, NaN, -1]);
  assert.deepEqual([...lane.severity], [0, 1, 255, 2]);
});

test("a sample that comes twice changes nothing, and an older one not the last value", () => {
  const buckets = new Buckets(0, 20, 10);
  for (const [time, value] of [[5, 7], [5, 7], [3, 9]]) buckets.append(1, time, value, 0);
  const lane = buckets.lane(1);
  assert.deepEqual([lane.min[0], lane.max[0], lane.last[0]], [7, 9, 7]);
});

test("the grid grows with the time and forgets what left the screen", () => {
  const buckets = new Buckets(0, 100, 10);
  buckets.append(1, 5, 1, 0);
  buckets.append(1, 1_005, 2, 0);
  assert.equal(buckets.count, 101);
  assert.equal(buckets.lane(1).last[100], 2);
  buckets.dropBefore(500);
  assert.equal(buckets.start, 500);
  assert.equal(buckets.lane(1).last[50], 2);
  assert.equal(buckets.end, 1_010);
});

test("a time far ahead does not ask for all the memory there is", () => {
  const buckets = new Buckets(0, 1, 1);
  assert.equal(buckets.reach(1.7e15), false);
  buckets.append(1, 1.7e15, 1, 0);
  assert.equal(buckets.count, 1);
  buckets.append(1, -5, 1, 0);
  assert.equal(buckets.lane(1).has(0), false);
});

test("what is no number does not become an extreme", () => {
  const buckets = new Buckets(0, 10, 10);
  buckets.fill(series({ time: [0], min: [null], max: [null], last: [null], severity: [2] }));
  buckets.append(1, 3, NaN, 2);
  const lane = buckets.lane(1);
  assert.deepEqual([lane.min[0], lane.max[0], lane.has(0)], [NaN, NaN, true]);
  buckets.append(1, 4, 6, 0);
  assert.deepEqual([lane.min[0], lane.max[0], lane.last[0], lane.severity[0]], [6, 6, 6, 2]);
});
