import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { placeLabels } = await load("map-labels.js");

const WIDTH = 900;
const HEIGHT = 700;

/** Where a label lies. */
const boxOf = (place, spot) => {
  const left = { start: place.x, end: place.x - spot.width, middle: place.x - spot.width / 2 }[place.anchor];
  return { left, right: left + spot.width, top: place.y, bottom: place.y + spot.height };
};
const meet = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;

test("of two hundred labels none lies over another one or outside, and what wants attention has its label", () => {
  const spots = Array.from({ length: 200 }, (_, index) => ({
    name: `s${index}`,
    x: 40 + ((index * 397) % 820),
    y: 40 + ((index * 211) % 620),
    width: 70 + (index % 5) * 8,
    height: 15,
    weight: index % 40 === 0 ? 10 : 0,
  }));
  const places = placeLabels(spots, 9, WIDTH, HEIGHT);
  const boxes = spots.flatMap((spot) => (places.has(spot.name) ? [boxOf(places.get(spot.name), spot)] : []));
  boxes.forEach((box, index) => {
    assert.ok(box.left >= 0 && box.top >= 0 && box.right <= WIDTH && box.bottom <= HEIGHT);
    for (const other of boxes.slice(index + 1)) assert.ok(!meet(box, other));
  });
  for (const spot of spots.filter((one) => one.weight)) assert.ok(places.has(spot.name), spot.name);
  assert.ok(places.size > 60);
});

test("a label goes to the other side where the map ends", () => {
  const spot = { name: "east", x: 880, y: 300, width: 90, height: 15, weight: 0 };
  assert.equal(placeLabels([spot], 9, WIDTH, HEIGHT).get("east").anchor, "end");
});

test("what wants attention has its label in the densest crowd", () => {
  const crowd = Array.from({ length: 100 }, (_, index) => ({
    name: `s${index}`,
    x: 400 + 14 * (index % 10),
    y: 300 + 14 * Math.floor(index / 10),
    width: 90,
    height: 15,
    weight: index === 55 ? 5 : 0,
  }));
  const places = placeLabels(crowd, 9, WIDTH, HEIGHT);
  assert.ok(places.has("s55"));
  assert.ok(places.size < 100);
});
