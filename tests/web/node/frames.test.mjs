import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { CHANGES, SNAPSHOT, decodeFrame } = await load("frames.js");

/** A frame as docs/reference/web.md lays it out, byte by byte. */
function makeFrame(values, { kind = SNAPSHOT, subscription = 7, now = 1.7e15, magic = "TLF1", version = 1, count = values.length } = {}) {
  const buffer = new ArrayBuffer(24 + 22 * values.length);
  const view = new DataView(buffer);
  [...magic].forEach((letter, at) => view.setUint8(at, letter.charCodeAt(0)));
  view.setUint8(4, version);
  view.setUint8(5, kind);
  view.setUint32(8, count, true);
  view.setUint32(12, subscription, true);
  view.setFloat64(16, now, true);
  const n = values.length;
  values.forEach(([point, time, value, quality], row) => {
    view.setFloat64(24 + 8 * row, time, true);
    view.setFloat64(24 + 8 * (n + row), value, true);
    view.setUint32(24 + 16 * n + 4 * row, point, true);
    view.setUint16(24 + 20 * n + 2 * row, quality, true);
  });
  return buffer;
}

test("a frame is decoded into columns", () => {
  const frame = decodeFrame(makeFrame([[4_294_967_295, 1_700_000_000_123_456, -1.5, 65_535], [3, 0, NaN, 2], [9, 1, 1e300, 0]]));
  assert.equal(frame.kind, SNAPSHOT);
  assert.equal(frame.subscription, 7);
  assert.equal(frame.now, 1.7e15);
  assert.deepEqual([...frame.point], [4_294_967_295, 3, 9]);
  assert.deepEqual([...frame.time], [1_700_000_000_123_456, 0, 1]);
  assert.deepEqual([...frame.value], [-1.5, NaN, 1e300]);
  assert.deepEqual([...frame.quality], [65_535, 2, 0]);
});

test("an empty frame and any count are aligned", () => {
  for (let count = 0; count < 9; count += 1) {
    const values = Array.from({ length: count }, (_, row) => [row, row, row, row]);
    assert.equal(decodeFrame(makeFrame(values, { kind: CHANGES })).count, count);
  }
});

test("what is no frame is refused", () => {
  const good = makeFrame([[1, 2, 3, 4]]);
  assert.throws(() => decodeFrame(new ArrayBuffer(0)), RangeError);
  assert.throws(() => decodeFrame(good.slice(0, 30)), RangeError);
  assert.throws(() => decodeFrame(makeFrame([[1, 2, 3, 4]], { magic: "TLF2" })), RangeError);
  assert.throws(() => decodeFrame(makeFrame([[1, 2, 3, 4]], { version: 2 })), RangeError);
  assert.throws(() => decodeFrame(makeFrame([[1, 2, 3, 4]], { count: 2 })), RangeError);
  assert.throws(() => decodeFrame(makeFrame([[1, 2, 3, 4]], { count: 4_000_000_000 })), RangeError);
});
