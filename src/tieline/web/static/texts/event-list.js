/**
 * What the list of the newest events says.
 * @module
 */

export const texts = {
  title: "Newest events",
  heads: ["Time", "Site", "Device", "Event"],
  nothing: "Nothing has happened since the start.",
};
