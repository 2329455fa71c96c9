/**
 * Lays a point's buckets on the columns of a screen, so that no extreme is lost: a bucket counts in every column that it touches.
 * @module
 */

/**
 * @typedef {object} Columns
 * @property {Float64Array} low least value in each column; NaN where there is none
 * @property {Float64Array} high
 * @property {Float64Array} last the value at the column's end; NaN where there is none, or it is invalid
 * @property {Uint8Array} severity the worst; 255 where nothing was heard
 * @property {Uint8Array} isBreak 1 where the line must not come from the column before with data: too much time has passed
 */

/**
 * @param {import("./buckets.js").Buckets} buckets
 * @param {import("./buckets.js").Lane} lane
 * @param {number} start microseconds: the left edge of the first column
 * @param {number} end the right edge of the last one
 * @param {number} count of columns
 * @param {number} hold microseconds for which a value is good while nothing newer comes
 * @returns {Columns}
 */
export function layColumns(buckets, lane, start, end, count, hold) {
  const low = new Float64Array(count).fill(NaN);
  const high = new Float64Array(count).fill(NaN);
  const last = new Float64Array(count).fill(NaN);
  const severity = new Uint8Array(count).fill(255);
  const isBreak = new Uint8Array(count);
  const scale = count / (end - start);
  const width = buckets.width * scale;
  const [from, to] = visibleBuckets(buckets, start, end);
  const longest = Math.max(1, Math.ceil(hold / buckets.width));
  let previous = -1;
  for (let bucket = from; bucket < to; bucket += 1) {
    if (lane.severity[bucket] === 255) continue;
    const left = (buckets.start + bucket * buckets.width - start) * scale;
    // a little less than its width: rounding must not carry it into the next column
    const first = Math.max(0, Math.floor(left + 1e-6));
    const final = Math.min(count - 1, Math.floor(left + width - 1e-6));
    for (let column = first; column <= final; column += 1) {
      if (!(low[column] <= lane.min[bucket])) low[column] = Number.isNaN(lane.min[bucket]) ? low[column] : lane.min[bucket];
      if (!(high[column] >= lane.max[bucket])) high[column] = Number.isNaN(lane.max[bucket]) ? high[column] : lane.max[bucket];
      const worst = severity[column];
      severity[column] = worst === 255 ? lane.severity[bucket] : Math.max(worst, lane.severity[bucket]);
    }
    if (final >= 0 && first < count) {
      const column = Math.max(0, Math.min(final, count - 1));
      last[column] = lane.severity[bucket] === 2 ? NaN : lane.last[bucket];
      if (previous >= 0 && bucket - previous > longest + 1) isBreak[column] = 1;
    }
    previous = bucket;
  }
  return { low, high, last, severity, isBreak };
}

/**
 * The first bucket that the range touches, and the one after the last.
 * @param {import("./buckets.js").Buckets} buckets
 * @param {number} start
 * @param {number} end
 */
export function visibleBuckets(buckets, start, end) {
  return [
    Math.max(0, Math.floor((start - buckets.start) / buckets.width)),
    Math.max(0, Math.min(buckets.count, Math.ceil((end - buckets.start) / buckets.width))),
  ];
}

/**
 * Which value holds at that time, and how good it is; null where none does.
 * @param {import("./buckets.js").Buckets} buckets
 * @param {import("./buckets.js").Lane} lane
 * @param {number} time microseconds
 * @param {number} hold
 */
export function valueAt(buckets, lane, time, hold) {
  const wanted = Math.min(Math.floor((time - buckets.start) / buckets.width), buckets.count - 1);
  const longest = Math.ceil(hold / buckets.width);
  for (let bucket = wanted; bucket >= 0 && wanted - bucket <= longest; bucket -= 1) {
    if (lane.severity[bucket] !== 255) return { value: lane.last[bucket], severity: lane.severity[bucket] };
  }
  return null;
}

/**
 * Stretches of one state, of a point that has states: `state` is NaN where it changes within a column.
 * @param {Columns} columns
 * @param {number} hold so many columns a state lasts without news
 * @param {number} until the last column that there can be something in: what lies behind it is not yet
 * @returns {{first: number, last: number, state: number, severity: number}[]}
 */
export function stretches(columns, hold, until) {
  /** @type {{first: number, last: number, state: number, severity: number}[]} */
  const found = [];
  let isOpen = false;
  let heard = 0;
  /** @param {number} column @param {number} state @param {number} severity */
  const enter = (column, state, severity) => {
    const open = found[found.length - 1];
    if (isOpen && Object.is(open.state, state) && open.severity === severity) open.last = column;
    else found.push({ first: column, last: column, state, severity });
    isOpen = true;
  };
  for (let column = 0; column < columns.low.length && column <= until; column += 1) {
    const severity = columns.severity[column];
    if (severity !== 255) {
      heard = column;
      const isOne = columns.low[column] === columns.high[column];
      enter(column, isOne ? columns.low[column] : NaN, severity);
    } else if (isOpen && column - heard > hold) {
      isOpen = false;
    } else if (isOpen) {
      enter(column, columns.last[heard], columns.severity[heard]);
    }
  }
  return found;
}
