import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "./load.mjs";

const { inOrder, phaseOf, problemOf, progressOf } = await load("operate-phase.js");
const { runActions } = await load("program-run.js");

const writing = { may_operate: true, why_not: "", ramp_per_s: null };
const met = { check: "authority", standing: "met", words: "" };
const open = { check: "second_person", standing: "open", words: "another person has to approve" };
const held = { id: "s-1", requester: "ada", is_refused: false, is_ready: true, verdicts: [met], reason: "" };
const situation = { person: "ada", connection: "live", link: "up", writing, selection: null, newest: null, leftS: 0, isSending: false };
const phase = (changes) => phaseOf({ ...situation, ...changes });

/** What a person may do in that situation. */
function may(changes) {
  const { canSelect, canExecute, canCancel, canApprove, canStop } = phase(changes);
  return Object.entries({ canSelect, canExecute, canCancel, canApprove, canStop }).flatMap(([name, can]) => (can ? [name] : []));
}

test("only what this person holds, and what is ready, can be executed", () => {
  assert.deepEqual(may({}), ["canSelect"]);
  assert.deepEqual(may({ selection: held, leftS: 5 }), ["canExecute", "canCancel"]);
  assert.deepEqual(may({ selection: { ...held, is_ready: false, verdicts: [open] }, leftS: 5 }), ["canCancel"]);
  assert.deepEqual(may({ selection: { ...held, requester: "grace" }, leftS: 5 }), []);
  assert.deepEqual(may({ selection: held, leftS: 0 }), ["canSelect"]);
});

test("nothing can be executed without live data, without the site, or while something is sent", () => {
  for (const changes of [{ connection: "lost" }, { connection: "connecting" }, { link: "lost" }, { link: "waiting" }, { isSending: true }]) {
    assert.ok(!may({ selection: held, leftS: 5, ...changes }).includes("canExecute"), JSON.stringify(changes));
    assert.deepEqual(may(changes), [], JSON.stringify(changes));
  }
});

test("what is under way can be stopped where it is led by steps, also by whoever waits for its outcome", () => {
  const newest = { requester: "ada", outcome: null };
  assert.deepEqual(may({ newest }), []);
  const led = { ...writing, ramp_per_s: 1 };
  assert.deepEqual(may({ newest, writing: led, isSending: true }), ["canStop"]);
  assert.deepEqual(may({ newest, writing: { ...led, may_operate: false } }), []);
});

test("a second person approves what another one has selected, and not the own selection", () => {
  const waiting = { ...held, is_ready: false, verdicts: [met, open] };
  assert.deepEqual(may({ person: "grace", selection: waiting, leftS: 5 }), ["canApprove"]);
  assert.deepEqual(may({ person: "lise", selection: waiting, leftS: 5, writing: { ...writing, may_operate: false } }), []);
  assert.deepEqual(may({ selection: waiting, leftS: 5 }), ["canCancel"]);
});

test("who may not operate reads why", () => {
  const found = phase({ writing: { ...writing, may_operate: false, why_not: "only operator may operate it" } });
  assert.equal(found.name, "forbidden");
  assert.match(found.words, /only operator may operate it/);
});

test("a value is checked against its limits before it is sent", () => {
  const limits = { low: -1, high: 8 };
  assert.equal(problemOf("8", limits, "MW"), "");
  assert.equal(problemOf("-1", limits, "MW"), "");
  assert.match(problemOf("8.1", limits, "MW"), /8 MW/);
  assert.match(problemOf("-1.1", limits, "MW"), /-1 MW/);
  for (const text of ["", " ", "x", "Infinity"]) assert.notEqual(problemOf(text, limits, "MW"), "");
});

test("a ramp's way is measured from where it began, up and down", () => {
  assert.deepEqual(progressOf({ from: 0, now: 2, to: 8, perS: 2 }), { share: 0.25, leftS: 3 });
  assert.deepEqual(progressOf({ from: 8, now: 2, to: 0, perS: 2 }), { share: 0.75, leftS: 1 });
  assert.deepEqual(progressOf({ from: 5, now: 5, to: 5, perS: 2 }), { share: 1, leftS: 0 });
});

test("what refuses is read first", () => {
  const standings = ["met", "noted", "open", "refused", "met"].map((standing, index) => ({ standing, index }));
  assert.deepEqual(inOrder(standings).map((one) => one.index), [3, 2, 1, 0, 4]);
});

test("a run offers what fits its state and the person", () => {
  const program = { may_lead: true, may_stop: true };
  const run = (state, step = {}) => ({ state, step: 0, steps: [{ state: "pending", ...step }] });
  const offered = (changes) => runActions({ program, run: null, person: "ada", isLive: true, outcome: null, selection: null, ...changes });
  assert.deepEqual(offered({}), ["start"]);
  assert.deepEqual(offered({ isLive: false }), []);
  assert.deepEqual(offered({ run: run("running") }), ["stop"]);
  assert.deepEqual(offered({ run: run("running"), isLive: false }), ["stop"]);
  assert.deepEqual(offered({ run: run("waiting") }), ["confirm", "stop"]);
  assert.deepEqual(offered({ run: run("stopped") }), ["resume", "abandon"]);
  assert.deepEqual(offered({ run: run("stopped"), outcome: { result: "unknown" } }), ["repeat", "done", "abandon"]);
  assert.deepEqual(offered({ run: run("done") }), ["start"]);
  const waiting = { ...held, verdicts: [open] };
  assert.deepEqual(offered({ run: run("waiting", { state: "executing" }), selection: waiting }), ["stop"]);
  assert.deepEqual(offered({ run: run("waiting", { state: "executing" }), selection: waiting, person: "grace" }), ["approve", "stop"]);
  assert.deepEqual(offered({ program: { may_lead: false, may_stop: true }, run: run("waiting") }), ["stop"]);
});
