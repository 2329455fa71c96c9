/**
 * In place of a page that is not for whoever asks.
 * @module
 */

import { roleInWords } from "./identity.js";
import { startPage } from "./page.js";
import { texts } from "./texts/frame.js";

void startPage(async () => {
  const roles = (document.body.dataset.roles ?? "").split(" ").map(roleInWords);
  throw new Error(texts.refused(roles.join(" or ")));
});
