/**
 * Who is logged in, with which roles; the ways to the account, to all accounts, and out.
 * @module
 */

import { make } from "./dom.js";
import { roleInWords } from "./identity.js";
import { send } from "./login/requests.js";
import { texts } from "./texts/frame.js";

/**
 * Where nobody is logged in it says that everything is only shown.
 * @param {import("./identity.js").Identity} identity
 */
export function makePersonMenu(identity) {
  const { session } = identity;
  if (!session) return make("span", { class: "who nobody", title: texts.person.nobodyWords }, texts.person.nobody);
  const leave = make("button", { type: "button", class: "button" }, texts.person.leave);
  leave.addEventListener("click", () => void send("POST", "logout").finally(() => location.assign("/login")));
  const roles = session.roles.map(roleInWords).join(", ") || texts.person.none;
  const menu = make(
    "div",
    { class: "menu", role: "group", "aria-label": texts.person.menu },
    make("p", {}, make("b", {}, session.person)),
    make("p", {}, texts.person.roles(roles)),
    make("p", {}, texts.person.sites(session.areas?.join(", ") || (session.areas ? texts.person.none : texts.person.everySite))),
    make("a", { class: "button", href: "/account" }, texts.person.account),
    ...(identity.may("review_accounts") ? [make("a", { class: "button", href: "/accounts" }, texts.person.accounts)] : []),
    leave,
  );
  const opener = make("summary", { title: texts.person.roles(roles) }, session.person);
  const element = make("details", { class: "who" }, opener, menu);
  document.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !element.contains(event.target)) element.open = false;
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !element.open) return;
    element.open = false;
    opener.focus();
  });
  return element;
}
