/**
 * What the trend workbench says.
 * @module
 */

export const texts = {
  title: "Trend",
  chart: "Trend; plus and minus zoom, arrows move, 1 and 2 set cursors",
  range: "Range",
  presets: { "-10m": "10 min", "-1h": "1 h", "-8h": "8 h", "-1d": "1 d", "-7d": "7 d", "-30d": "30 d" },
  pause: "Pause",
  follow: "Follow",
  back: "Back",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",
  compare: "Compare",
  shifts: { "": "with nothing", "1d": "with the day before", "7d": "with the week before" },
  events: "Events",
  goTo: "Go to",
  axes: "Axes",
  views: "Views",
  export: "Export",
  points: "Pens",
  now: "now",
  loading: "loading",
  noPoints: "No points yet: add one below, or click a value on a station's page.",
  /** @param {string} names */
  missing: (names) => `There is no point ${names}.`,
  /** @param {number} most */
  full: (most) => `A trend shows at most ${most} points.`,
  heads: {
    pen: "Pen",
    point: "Point",
    unit: "Unit",
    now: "Now",
    pointer: "Pointer",
    first: "Cursor 1",
    second: "Cursor 2",
    difference: "2 − 1",
    min: "Min",
    max: "Max",
    at: "at",
    mean: "Mean",
    deviation: "Std dev",
    integral: "Integral",
    good: "Good %",
  },
  headWords: {
    mean: "weighted with time, over every raw sample of the range",
    deviation: "standard deviation, weighted with time, over every raw sample of the range",
    integral: "over the time in which a value is known, in unit hours",
    good: "share of the range in which a good value is known",
  },
  /** @param {string} path */
  show: (path) => `Show ${path}`,
  /** @param {string} path */
  remove: (path) => `Remove ${path}`,
  /** @param {string} path */
  up: (path) => `Move ${path} up`,
  /** @param {string} path */
  down: (path) => `Move ${path} down`,
  /** @param {string} text */
  statisticsOf: (text) => `Statistics over ${text} raw samples`,
  statisticsLoading: "Statistics are being computed",
  /** @param {string} words */
  statisticsFailed: (words) => `No statistics: ${words}`,
  /** @param {string} time */
  pointer: (time) => `Pointer ${time}`,
  /**
   * @param {number} number
   * @param {string} time
   */
  cursor: (number, time) => `Cursor ${number} ${time}`,
  /** @param {string} length */
  difference: (length) => `2 − 1: ${length}`,
  cursorHint: "Click sets cursor 1, Shift and click cursor 2",
  /** @param {number} count */
  eventsMore: (count) => `only the first ${count} events of the range are marked`,
  dialogs: {
    close: "Close",
    apply: "Apply",
    goTo: { title: "Go to a time", around: "Around", go: "Go there", from: "From", to: "To", show: "Show range", zone: (/** @type {string} */ zone) => `Times are in ${zone}.`, wrong: "The start has to lie before the end." },
    axes: { title: "Axes", automatic: "automatic", low: "Least", high: "Greatest", none: "There is no axis of numbers.", wrong: "The least value has to lie below the greatest." },
    views: { title: "Views", name: "Name", save: "Save", none: "No view is saved in this browser yet.", address: "Address of this view", remove: (/** @type {string} */ name) => `Delete ${name}` },
    export: {
      title: "Export raw samples",
      what: "Every sample of the shown pens in the shown range, with its quality, by time.",
      /**
       * @param {string} count
       * @param {string} csv
       * @param {string} parquet
       */
      size: (count, csv, parquet) => `${count} samples: about ${csv} as CSV, ${parquet} as Parquet.`,
      unknown: "How many there are is being counted.",
      /** @param {string} most */
      tooMany: (most) => `That is more than the ${most} that one file may hold: choose a shorter range or fewer pens.`,
      csv: "Download CSV",
      parquet: "Download Parquet",
      buckets: "Download what is drawn",
    },
  },
  keys: {
    cursor: "on the chart: 1 and 2 set a cursor at the pointer or in the middle, Shift and arrows move it, Escape removes both",
    pause: "pause or follow",
    goTo: "go to a time",
    events: "mark events",
    compare: "compare with the day before, the week before, nothing",
    back: "back to the range before",
    add: "add a point",
  },
};
