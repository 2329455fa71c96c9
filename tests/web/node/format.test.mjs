import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { formatAge, formatMoment, formatNumber, formatRecent, parseMoment } = await load("format.js");
const { show, zones, zoneSuffix } = await load("zone.js");
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

test("times of the utility's zone carry its offset, across the change of summer time", () => {
  show(true, "Europe/Zurich");
  assert.deepEqual(zones(), { shown: "Europe/Zurich", other: "UTC" });
  assert.equal(formatMoment(1_795_000_000_000_000), "2026-11-18 12:06:40+01:00");
  const change = Date.UTC(2026, 9, 25, 1) * 1e3; // 03:00 becomes 02:00
  assert.equal(formatMoment(change - 1e6), "2026-10-25 02:59:59+02:00");
  assert.equal(formatMoment(change), "2026-10-25 02:00:00+01:00");
  show(true, "America/St_Johns");
  assert.equal(zoneSuffix(1_795_000_000_000_000), "−03:30");
  assert.equal(formatMoment(1_795_000_000_000_000), "2026-11-18 07:36:40−03:30");
  show(false, "Europe/Zurich");
  assert.equal(formatMoment(1_795_000_000_000_000), "2026-11-18 11:06:40Z");
});

test("a time of another day has its date", () => {
  const now = 1_795_000_000_000_000;
  assert.equal(formatRecent(now - 60e6, now), "11:05:40");
  assert.equal(formatRecent(now - 86_400e6, now), "11-17 11:06:40");
});

test("times of the API keep their microseconds", () => {
  assert.equal(parseMoment("2026-11-18T11:06:40.123456Z"), 1_795_000_000_123_456);
  assert.equal(parseMoment("2026-11-18T11:06:40Z"), 1_795_000_000_000_000);
  assert.ok(Number.isNaN(parseMoment(null)));
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
