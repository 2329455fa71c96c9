/**
 * The word that somebody is there, which keeps a session alive; and the way to the login when it has ended.
 * @module
 */

import { goToLogin, send, token } from "./requests.js";

const SAY_EVERY_MS = 60_000;
const LOOK_EVERY_MS = 30_000;

/** Where nobody is logged in there is nothing of this. */
export function keepSession() {
  if (!token()) return;
  let said = performance.now();
  const say = () => {
    if (performance.now() - said < SAY_EVERY_MS) return;
    said = performance.now();
    send("POST", "session/active").catch(goToLogin);
  };
  for (const kind of ["pointerdown", "keydown", "wheel"]) addEventListener(kind, say, { passive: true });
  setInterval(() => {
    if (!token()) goToLogin();
  }, LOOK_EVERY_MS);
}
