/**
 * Ranges of time in words.
 * @module
 */

export const texts = {
  label: "Time",
  choices: { "-1h": "last hour", "-24h": "last 24 hours", "-7d": "last 7 days", "-30d": "last 30 days", "-365d": "last year" },
  own: "from – to …",
  from: "From",
  to: "To",
  hint: "2026-11-23T08:00 (UTC), -2h, now",
};
