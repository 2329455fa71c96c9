import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { Siren, repeatOf, tonesOf } = await load("alarm-tones.js");

const alarm = (id, priority, raised = "2026-11-18T11:06:40Z") => ({ id, priority, raised });

test("the more urgent a priority, the more often it sounds and the more pulses it has", () => {
  const pulses = [1, 2, 3, 4].map((priority) => tonesOf(priority).length);
  assert.deepEqual(pulses, [...pulses].sort((one, other) => other - one));
  assert.ok(repeatOf(1) < repeatOf(2) && repeatOf(2) < repeatOf(3));
  assert.equal(repeatOf(4), 0);
  for (const priority of [1, 2, 3, 4]) {
    const tones = tonesOf(priority);
    for (const [index, tone] of tones.entries()) assert.ok(index === 0 || tone.start >= tones[index - 1].start + tones[index - 1].length);
  }
});

test("the highest priority sounds again and again until it is acknowledged", () => {
  const siren = new Siren();
  siren.hear([alarm("a", 2), alarm("b", 3)], 2, 0);
  assert.deepEqual([0, 1, 6, 7, 12].map((now) => siren.due(now)), [2, 0, 2, 0, 2]);
  siren.hear([alarm("b", 3)], 1, 13);
  assert.equal(siren.due(18), 3);
  siren.hear([], 0, 19);
  assert.equal(siren.due(100), 0);
  assert.equal(siren.isSounding, false);
});

test("a silence lasts until another alarm comes", () => {
  const siren = new Siren();
  siren.hear([alarm("a", 1)], 1, 0);
  assert.equal(siren.due(0), 1);
  siren.silence();
  assert.equal(siren.due(50), 0);
  siren.hear([alarm("a", 1)], 1, 51);
  assert.equal(siren.due(51), 0);
  siren.hear([alarm("a", 1), alarm("c", 4)], 2, 52);
  assert.equal(siren.due(52), 1);
});

test("an alarm that comes again sounds again", () => {
  const siren = new Siren();
  siren.hear([alarm("a", 4)], 1, 0);
  assert.equal(siren.due(0), 4);
  siren.hear([], 0, 5);
  siren.hear([alarm("a", 4, "2026-11-18T12:00:00Z")], 1, 10);
  assert.equal(siren.due(10), 4);
  assert.equal(siren.due(60), 0);
});
