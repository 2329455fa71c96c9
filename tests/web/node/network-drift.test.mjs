import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { DriftTexts } = await load("network-drift.js");
const { linesOf } = await load("network-now.js");

const event = (time, kind, text) => ({ time, site: "northgate", device: "ng-acc", kind, text });
const begun = (time, what) => event(time, "network_drift", `northgate/ng-acc: ${what}`);
const ended = (time, what) => event(time, "network_drift_ended", `northgate/ng-acc is as designed again: no more that it ${what}`);

test("what has ended stands no more, in whatever order its events come", () => {
  const texts = new DriftTexts();
  assert.ok(texts.take([ended(3, "has no link at port 2"), begun(2, "has firmware 1.1; install 1.2")]));
  assert.ok(texts.take([begun(1, "has no link at port 2; mend it")]));
  assert.deepEqual(texts.of("ng-acc", 5), ["has firmware 1.1; install 1.2"]);
  assert.ok(texts.take([begun(4, "has no link at port 2; mend it")]));
  assert.deepEqual(texts.of("ng-acc", 5), ["has no link at port 2; mend it", "has firmware 1.1; install 1.2"]);
  assert.deepEqual(texts.of("ng-acc", 1), ["has no link at port 2; mend it"]);
  assert.deepEqual(texts.of("ng-fw", 5), []);
});

test("the same event told twice, or of another kind, changes nothing", () => {
  const texts = new DriftTexts();
  assert.ok(texts.take([begun(1, "has no link at port 2; mend it")]));
  assert.ok(!texts.take([begun(1, "has no link at port 2; mend it"), event(2, "device_lost", "northgate/ng-acc is lost")]));
  assert.deepEqual(texts.of("ng-acc", 5), ["has no link at port 2; mend it"]);
});

test("what a gateway says about a port stands below what its points say, and the rest by itself", () => {
  const texts = new DriftTexts();
  texts.take([begun(1, "port 2 has no link to ng-fw port 1; mend it"), begun(2, "has a port that the design does not: x; take it out"), begun(3, "runs 1, and should run 2; load it")]);
  const point = (measure, port) => ({ node: "ng-acc", measure, port, link: "", name: measure });
  const difference = (what, port, count = 0) => ({ what, node: "ng-acc", points: [point(what, port)], count });
  const lines = linesOf([difference("link", "2"), difference("link", "22"), difference("firmware", ""), difference("drift", "", 4)], texts);
  assert.deepEqual(lines.map(({ what, more }) => [what, more]), [
    ["link", ["port 2 has no link to ng-fw port 1; mend it"]],
    ["link", []],
    ["firmware", ["runs 1, and should run 2; load it"]],
    ["drift", ["has a port that the design does not: x; take it out"]],
  ]);
  assert.match(lines[3].words, /^2 differences/);
});
