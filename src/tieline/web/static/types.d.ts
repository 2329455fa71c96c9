/** A point as `/api/points` gives it. */
export interface Point {
  id: number;
  path: string;
  site: string;
  device: string;
  name: string;
  kind: "analog" | "binary" | "double" | "counter" | "setpoint" | "control";
  unit: string;
  description: string;
  equipment: string;
  quantity: string;
  low: number | null;
  high: number | null;
  max_silence_s: number;
  decimals: number;
  /** whether it went straight from one sample to the next; it held its value otherwise */
  is_straight: boolean;
}

/** What `/api/sites` answers. */
export interface Sites {
  utility: string;
  time_zone: string;
  sites: Site[];
  ties: Tie[];
  roles: Site[];
  local_site: string | null;
}

/** Two sites that lines join. */
export interface Tie {
  sites: [string, string];
  voltage_kv: number;
  ways: number;
}

/** A site as `/api/sites` gives it. */
export interface Site {
  name: string;
  title: string;
  kind: "substation" | "plant" | "role";
  latitude: number | null;
  longitude: number | null;
  devices: number;
  points: number;
  key_points: number[];
  has_single_line: boolean;
}

/** A device as `/api/devices` gives it. */
export interface Device {
  site: string;
  name: string;
  protocol: string;
  description: string;
  points: number;
  is_up: boolean | null;
  polls: number | null;
  errors: number | null;
  timeouts: number | null;
  reconnects: number | null;
  round_trip_ms: number | null;
}

/** A site's status as the live feed carries it; times in microseconds. */
export interface SiteStatus {
  site: string;
  link: "waiting" | "up" | "lost";
  since: number;
  heard: number | null;
  samples_per_s: number;
  batches_per_s: number;
  pending_samples: number;
  spooled_batches: number;
  devices_up: number;
  devices_down: string[];
  good: number;
  questionable: number;
  invalid: number;
  stale: number;
}

/** An event as the live feed carries it; time in microseconds. */
export interface LiveEvent {
  id: number;
  time: number;
  site: string;
  device: string;
  kind: string;
  severity: "info" | "warning" | "error";
  text: string;
}

/** Where alarms and control are; incarnation and revision of each. */
export interface Supervision {
  type: "supervision";
  is_heard: boolean;
  alarms: [number, number];
  unacknowledged: [number, number, number, number];
  control: [number, number];
  /** the unacknowledged alarms that come first: by priority, then the newest */
  first: Alarm[];
  /** by site that has any: how many are not acknowledged, and how many stand acknowledged, of priorities 1 to 4 */
  sites: Record<string, { unacknowledged: number[]; acknowledged: number[] }>;
}

/** An alarm as `/api/alarms` gives it; times as ISO 8601. */
export interface Alarm {
  id: string;
  site: string;
  device: string;
  point: string;
  name: string;
  text: string;
  kind: string;
  priority: number;
  state: "unacknowledged" | "latched_unacknowledged" | "returned_unacknowledged" | "acknowledged" | "latched_acknowledged" | "shelved" | "suppressed_by_design" | "out_of_service" | "normal";
  is_active: boolean;
  raised: string | null;
  raised_received: string | null;
  has_device_time: boolean;
  returned: string | null;
  acknowledged: string | null;
  acknowledged_by: string;
  value: number | null;
  unit: string;
  quality: number;
  limit: number | null;
  shelved_until: string | null;
  shelved_by: string;
  out_of_service_by: string;
  reason: string;
  group: string;
  is_first_out: boolean;
  is_chattering: boolean;
  is_stale: boolean;
  is_communication_lost: boolean;
  count: number;
  area: string;
  equipment: string;
  consequence: string;
  response: string;
}

/** A line of the alarms' journal. */
export interface JournalLine {
  sequence: number;
  alarm: string;
  trigger: string;
  before: Alarm["state"];
  after: Alarm["state"];
  time: string | null;
  has_device_time: boolean;
  received: string | null;
  value: number | null;
  quality: number;
  by: string;
  reason: string;
}

/** A selection as `/api/control` gives it. */
export interface Selection {
  id: string;
  point: number;
  path: string;
  value: number;
  requester: string;
  made: string;
  expires: string;
  verdicts: { check: string; standing: "met" | "refused" | "open" | "noted"; words: string }[];
  approved_by: string;
  is_refused: boolean;
  is_ready: boolean;
  reason: string;
}

/** What became of a command. */
export interface Outcome {
  command: string;
  time: string | null;
  result: "done" | "refused" | "failed" | "unknown";
  reason: string;
}

/** A command that was released; the outcome is null while it is under way. */
export interface Operation {
  id: string;
  selection: string;
  point: number;
  path: string;
  value: number;
  requester: string;
  approved_by: string;
  released: string;
  outcome: Outcome | null;
}

/** A tag that hangs on a point, by its path, or on equipment. */
export interface Tag {
  id: string;
  kind: "do_not_operate" | "information";
  target: string;
  owner: string;
  reason: string;
  placed: string;
}

/** A switching program. */
export interface Program {
  name: string;
  title: string;
  description: string;
  steps: string[];
}

/** One run of a switching program; `step` counts from 0. */
export interface Run {
  id: string;
  program: string;
  person: string;
  state: "running" | "waiting" | "stopped" | "done" | "abandoned";
  step: number;
  steps: { state: "pending" | "checking" | "executing" | "verifying" | "pausing" | "done" | "failed"; attempt: number; command: string; words: string }[];
  words: string;
  started: string;
  changed: string;
}

/** What `/api/control` answers. */
export interface Control {
  selections: Selection[];
  operations: Operation[];
  tags: Tag[];
  programs: Program[];
  runs: Run[];
}

/** Who may operate a point, and what is asked for; for whoever asks. */
export interface Writing {
  may_operate: boolean;
  why_not: string;
  second_person: boolean;
  second_factor: boolean;
  low: number | null;
  high: number | null;
  ramp_per_s: number | null;
  step_s: number | null;
  interlocks: string[];
  feedback: number | null;
  feedback_s: number | null;
}

/** What `/api/details/points` answers. */
export interface Details {
  id: number;
  path: string;
  origin: { protocol: string; device: string; address: string };
  beside: number[];
  has_single_line: boolean;
  limits: { alarm: string; text: string; kind: string; priority: number; limit: number | null }[];
  writing: Writing | null;
}

/** What `/api/details/programs` answers. */
export interface ProgramDetails {
  name: string;
  title: string;
  description: string;
  may_lead: boolean;
  why_not: string;
  may_stop: boolean;
  steps: {
    text: string;
    point: number;
    path: string;
    value: number;
    before: string | null;
    before_s: number;
    after: string | null;
    after_s: number;
    inputs: number[];
    confirm: boolean;
    pause_s: number;
  }[];
}

/** A point of the network as `/api/network` gives it; `port` and `link` are empty where it is about the node. */
export interface WatchedPoint {
  id: number;
  site: string;
  node: string;
  port: string;
  link: string;
  measure: string;
  name: string;
  max_silence_s: number;
}

/** A link of the network's design; `a` and `b` are `node/port`. */
export interface NetworkLink {
  name: string;
  a: string;
  b: string;
  medium: string;
  speed_mbps: number;
}

/** What `/api/network` answers. */
export interface Network {
  title: string;
  places: { name: string; title: string; is_site: boolean; nodes: number; watched: number }[];
  nodes: Record<string, string>;
  links: NetworkLink[];
  watched: WatchedPoint[];
}

/** A port as designed. */
export interface NetworkPort {
  name: string;
  mode: string;
  vlans: string;
  link: string;
  other: string;
  speed_mbps: number | null;
  feeds: string;
}

/** A node as designed. */
export interface NetworkNode {
  name: string;
  kind: string;
  model: string;
  rack: string;
  description: string;
  addresses: string[];
  firmware: string;
  is_watched: boolean;
  ports: NetworkPort[];
}

/** What `/api/network/places` answers. */
export interface NetworkPlace {
  title: string;
  nodes: NetworkNode[];
  links: NetworkLink[];
  watched: WatchedPoint[];
}

/** Something that is wrong with the network's design. */
export interface NetworkFinding {
  subject: string;
  text: string;
  lines: string[];
  verdict: "ok" | "fails" | "unknown" | "information";
  nodes: string[];
}

/** What `/api/network/findings` answers. */
export interface NetworkFindings {
  is_right: boolean;
  size: string;
  first: NetworkFinding | null;
  losses: { failure: string; text: string; nodes: string[] }[];
  stopping: number;
  topics: { key: string; title: string; verdict: NetworkFinding["verdict"]; summary: string; findings: NetworkFinding[] }[];
}

/** A text message of the live feed. */
export type Message =
  | { type: "status"; time: number; viewers: number; sites: SiteStatus[]; reaches_center?: boolean | null }
  | { type: "events"; is_first: boolean; events: LiveEvent[] }
  | Supervision
  | { type: "error"; error: { kind: string; message: string } };

/** The newest sample of a point; time in microseconds, 0 where nothing was ever heard. */
export interface Sample {
  time: number;
  value: number;
  quality: number;
}

/** One point's buckets. */
export interface Series {
  id: number;
  path: string;
  unit: string;
  time: number[];
  min: (number | null)[];
  max: (number | null)[];
  mean: (number | null)[];
  last: (number | null)[];
  severity: number[];
}

/** What `/api/history` answers. */
export interface HistoryAnswer {
  start_us: number;
  end_us: number;
  bucket_us: number;
  series: Series[];
}

/** Statistics of one point; null where nothing is known. */
export interface Statistics {
  id: number;
  samples: number;
  min: number | null;
  min_time: string | null;
  max: number | null;
  max_time: string | null;
  mean: number | null;
  deviation: number | null;
  integral: number | null;
  covered_s: number;
  good_percent: number;
}

/** What `/api/history/statistics` answers. */
export interface StatisticsAnswer {
  start_us: number;
  end_us: number;
  most_samples: number;
  statistics: Statistics[];
}
