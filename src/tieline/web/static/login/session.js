/**
 * Who is logged in, on every page: the name, the way to the account, the way out; and the word that somebody is there.
 * Where nobody can log in there is nothing of this.
 * @module
 */

import { byId, make } from "../dom.js";
import { goToLogin, send, token } from "./requests.js";

const SAY_EVERY_MS = 60_000;
const LOOK_EVERY_MS = 30_000;

/** Adds what there is of it to the header, once that is built. */
export async function startSession() {
  if (!token()) return;
  const session = await send("GET", "session");
  const leave = make("button", { type: "button" }, "Log out");
  leave.addEventListener("click", () => void send("POST", "logout").finally(() => location.assign("/login")));
  byId("header").append(
    make("span", { class: "who" }, make("a", { href: "/account", title: "Your account" }, session.person), leave),
  );
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
