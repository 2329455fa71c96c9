import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { wayBack } = await load("login/way-back.js");
const OURS = "https://scada.ridgeway.example";

/** @param {string} next */
const of = (next) => wayBack(`?next=${encodeURIComponent(next)}`, OURS);

test("after the login one goes where one wanted to go", () => {
  assert.equal(of("/trend?points=a,b&from=-15m"), `${OURS}/trend?points=a,b&from=-15m`);
  assert.equal(wayBack("", OURS), `${OURS}/`);
});

test("the way back leads to no other host, however the path is written", () => {
  const tricks = ["//evil.example", "/\\evil.example", "/.//evil.example", "/..//evil.example", "/%2e//evil.example", "/\t/evil.example"];
  tricks.push("https://evil.example", "javascript:alert(1)", "//", "///evil.example", "/\\/evil.example", "//evil.example:x", "/a/../..//evil.example");
  for (const trick of tricks) {
    assert.equal(new URL(of(trick), "https://somewhere.example").origin, OURS, trick);
    assert.equal(new URL(of(of(trick).slice(OURS.length)), OURS).origin, OURS, trick);
  }
});

test("the way back does not lead to the login again", () => {
  assert.equal(of("/login?next=/login"), `${OURS}/`);
});
