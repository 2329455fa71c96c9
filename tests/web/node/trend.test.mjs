import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { Buckets } = await load("buckets.js");
const { layColumns, stretches, valueAt } = await load("trend-columns.js");
const { readState, spanOf, timeOf, writeState } = await load("trend-state.js");

/** Numbers that look random and are the same each time. */
function* random(seed) {
  for (let state = seed; ; ) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    yield state / 2_147_483_648;
  }
}

test("every column has the extremes of all samples in it, and of none that is farther than a bucket", () => {
  const next = random(7);
  for (const [width, count, start] of [[7, 100, 0], [7, 93, 3], [10, 97, 1_000_003], [3, 40, 17]]) {
    const span = count * width * 1.37;
    const end = start + span;
    const first = Math.floor(start / width) * width;
    const buckets = new Buckets(first, Math.ceil(end / width) * width, width);
    const samples = Array.from({ length: 3_000 }, () => [start + next.next().value * span, next.next().value * 100 - 50]);
    for (const [time, value] of samples) buckets.append(1, time, value, 0);
    const columns = layColumns(buckets, buckets.lane(1), start, end, count, span);
    for (let column = 0; column < count; column += 1) {
      const [left, right] = [start + (column * span) / count, start + ((column + 1) * span) / count];
      const within = samples.filter(([time]) => time >= left && time < right).map(([, value]) => value);
      const around = samples.filter(([time]) => time >= left - width && time < right + width).map(([, value]) => value);
      if (!within.length) continue;
      assert.ok(columns.low[column] <= Math.min(...within) && columns.high[column] >= Math.max(...within), `column ${column}`);
      assert.ok(columns.low[column] >= Math.min(...around) && columns.high[column] <= Math.max(...around), `column ${column}`);
    }
  }
});

test("a line breaks where nothing was heard for longer than a value holds", () => {
  const buckets = new Buckets(0, 100, 1);
  for (const time of [10, 20, 50]) buckets.append(1, time, time, 0);
  const { isBreak } = layColumns(buckets, buckets.lane(1), 0, 100, 100, 15);
  assert.deepEqual([isBreak[20], isBreak[50]], [0, 1]);
  assert.deepEqual(valueAt(buckets, buckets.lane(1), 34, 15), { value: 20, severity: 0 });
  assert.equal(valueAt(buckets, buckets.lane(1), 37, 15), null);
});

test("a line breaks in the column where it goes on, also where a bucket lies in two of them", () => {
  const buckets = new Buckets(0, 100, 1);
  for (const time of [10, 50]) buckets.append(1, time, time, 0);
  const { isBreak, last } = layColumns(buckets, buckets.lane(1), 0, 100, 73, 15);
  const goesOn = last.findIndex((value) => value === 50);
  assert.equal(isBreak[goesOn], 1);
});

test("states are stretches that hold until the next, end with silence, and change within a column", () => {
  const buckets = new Buckets(0, 100, 1);
  for (const [time, value] of [[10, 1], [20, 2], [30, 2], [80, 1], [80.5, 2]]) buckets.append(1, time, value, 0);
  const columns = layColumns(buckets, buckets.lane(1), 0, 100, 100, 15);
  const found = stretches(columns, 15, 89);
  assert.deepEqual(
    found.map(({ first, last, state }) => [first, last, state]),
    [[10, 19, 1], [20, 45, 2], [80, 80, NaN], [81, 89, 2]],
  );
});

test("history says what the last value of a closed bucket is, live frames that of the newest", () => {
  const buckets = new Buckets(0, 30, 10);
  const series = { id: 1, time: [0, 10], min: [1, 5], max: [4, 6], last: [4, 5], severity: [0, 0] };
  buckets.append(1, 3, 2, 0);
  buckets.append(1, 18, 7, 0);
  buckets.fill(series);
  const lane = buckets.lane(1);
  assert.deepEqual([lane.last[0], lane.last[1]], [4, 7]);
  buckets.append(1, 7, 3, 0);
  assert.deepEqual([lane.last[0], lane.min[0], lane.max[0]], [4, 1, 4]);
});

test("the address says the whole state and is read back", () => {
  const state = {
    points: ["a/b/c", "a/b/d"],
    from: "2026-01-31T08:00:00.000Z",
    to: "2026-01-31T09:00:00.000Z",
    hidden: ["a/b/d"],
    axes: { MW: [-20, 20.5], "W/m²": [0, 1400] },
    compare: "7d",
    events: true,
    cursors: [1_795_000_000_000_000, null],
    name: "Coupling & load, north",
  };
  assert.deepEqual(readState(`?${writeState(state)}`), state);
  assert.equal(writeState(readState("?points=a/b/c")), "points=a/b/c&from=-1h");
});

test("what an address says wrongly is left out", () => {
  const state = readState("?points=a,a,,b&axes=MW~5~1,kV~x~2,Hz&compare=3d&cursors=x,5&events=yes");
  assert.deepEqual([state.points, state.axes, state.compare, state.cursors, state.events], [["a", "b"], {}, "", [null, 5], false]);
  assert.equal(readState(`?points=${Array.from({ length: 40 }, (_, n) => n).join(",")}`).points.length, 16);
});

test("times are read as in the API", () => {
  assert.equal(spanOf("-1h"), 3_600e6);
  assert.equal(spanOf("1.5d"), 129_600e6);
  assert.equal(spanOf("1x"), null);
  assert.equal(timeOf("-1m", 100e6), 40e6);
  assert.equal(timeOf("1970-01-01T00:00:01", 0), 1e6);
  assert.equal(timeOf("1970-01-01T01:00:01+01:00", 0), 1e6);
  assert.equal(timeOf("tomorrow", 0), null);
});

test("history that lags behind and live frames that leave some out give every sample once, without a gap", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval", "Date"], now: 1_000_000_000 });
  const { TrendData } = await load("trend-data.js");
  const us = () => Date.now() * 1e3;
  const point = { id: 1, max_silence_s: 10, kind: "analog" };
  const step = 100e3; // a sample each 0.1 s
  const truth = (time) => Math.sin(time / 3e6) * 50 + (Math.floor(time / step) % 7 === 3 ? 100 : 0);
  const listeners = [];
  const live = { listenFrames: (listener) => listeners.push(listener), listen: () => {}, now: us, state: "live", isStale: () => false };
  const chart = { columns: 400, setPoints: () => {}, show: () => {}, compare: () => {} };
  globalThis.document = { hidden: false };
  const lag = 2_500e3;
  const begin = us() - 60e6;
  globalThis.fetch = async (address) => {
    const asked = new URL(address, "http://127.0.0.1").searchParams;
    const [from, to] = ["from", "to"].map((name) => Date.parse(asked.get(name)) * 1e3);
    const width = 100e3;
    const [start, end] = [Math.floor(from / width) * width, Math.ceil(to / width) * width];
    const series = { id: 1, time: [], min: [], max: [], last: [], severity: [] };
    for (let bucket = start; bucket < end; bucket += width) {
      const times = [];
      for (let time = Math.ceil(bucket / step) * step; time < bucket + width; time += step) if (time >= begin && time < us() - lag) times.push(time);
      if (!times.length) continue;
      const values = times.map(truth);
      series.time.push(bucket);
      series.min.push(Math.min(...values));
      series.max.push(Math.max(...values));
      series.last.push(values.at(-1));
      series.severity.push(0);
    }
    return { ok: true, json: async () => ({ start_us: start, end_us: end, bucket_us: width, series: [series] }) };
  };
  const settle = async () => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  /** Live frames as a slow page gets them: the newest sample only, every 0.3 s. */
  const advance = async (seconds) => {
    for (let tenth = 0; tenth < seconds * 10; tenth += 1) {
      context.mock.timers.tick(100);
      await settle();
      const time = Math.floor(us() / step) * step;
      if (tenth % 3 === 0) {
        const frame = { count: 1, time: [time], point: [1], value: [truth(time)], quality: [0] };
        for (const listener of listeners) listener(frame);
      }
    }
  };
  const data = new TrendData(live, chart);
  data.setPoints([point]);
  await advance(5);
  await data.follow(40e6);
  await advance(15.05);
  const lane = data.buckets.lane(1);
  const bucketOf = (time) => Math.floor((time - data.buckets.start) / data.buckets.width);
  const confirmed = us() - lag - 3_100e3; // history had it when the newest part was asked for last
  for (let time = Math.ceil((data.start + step) / step) * step; time < confirmed; time += step) {
    const bucket = bucketOf(time);
    assert.equal(lane.min[bucket], truth(time), `at ${(us() - time) / 1e6} s before now`);
    assert.deepEqual([lane.max[bucket], lane.last[bucket]], [truth(time), truth(time)]);
  }
  const joined = Array.from({ length: 40 }, (_, n) => bucketOf(us() - n * step)).filter((bucket) => lane.has(bucket));
  assert.ok(joined.length >= 13, `${joined.length} of the last 40 buckets are there from live frames alone`);
});
