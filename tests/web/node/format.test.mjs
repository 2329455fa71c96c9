import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { formatAge, formatMoment, formatNumber } = await load("format.js");
const { markOf, wordsOf } = await load("quality.js");
const { stateOf } = await load("states.js");

test("numbers have fixed decimals, a true minus and no negative zero", () => {
  assert.equal(formatNumber(-1.005, 1), "−1.0");
  assert.equal(formatNumber(-0.004, 2), "0.00");
  assert.equal(formatNumber(1234.5, 1), "1234.5");
  assert.equal(formatNumber(1234567.25, 2), "1\u202f234\u202f567.25");
  assert.equal(formatNumber(NaN, 2), "—");
});

test("ages are in their largest unit", () => {
  assert.deepEqual([0, 99, 100, 7_200, 200_000].map((seconds) => formatAge(seconds * 1e6)), ["0 s", "99 s", "1 min", "2 h", "2 d"]);
  assert.equal(formatAge(-5e6), "0 s");
});

test("times are UTC and say so", () => {
  assert.equal(formatMoment(1_795_000_000_000_000), "2026-11-18 11:06:40Z");
});

test("quality is a mark, a sign and words", () => {
  assert.deepEqual(markOf(0x2000), { mark: "good", sign: "" });
  assert.deepEqual(markOf(3 | (1 << 3)), { mark: "questionable", sign: "?" });
  assert.deepEqual(markOf(2 | (1 << 10)), { mark: "invalid", sign: "×" });
  assert.deepEqual(markOf(1), { mark: "invalid", sign: "×" });
  assert.deepEqual(markOf(1 << 10), { mark: "substituted", sign: "s" });
  assert.equal(wordsOf(2 | (1 << 7) | (1 << 13)), "invalid, old data");
});

test("states are words", () => {
  const double = { kind: "double", quantity: "" };
  assert.deepEqual([0, 1, 2, 3, 0.5, NaN].map((value) => stateOf(double, value)), ["intermediate", "open", "closed", "bad", "bad", "bad"]);
  assert.equal(stateOf({ kind: "binary", quantity: "switch_position" }, 1), "closed");
  assert.equal(stateOf({ kind: "control", quantity: "" }, 0), "off");
  assert.equal(stateOf({ kind: "binary", quantity: "" }, 7), "bad");
});
