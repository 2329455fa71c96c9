/**
 * One's own account: password, second factors, API tokens, sessions.
 * @module
 */

import { byId, make } from "../dom.js";
import { makeCodesPanel, makeFactorPanel, makeSetUpPanel } from "./factors.js";
import { makeButton, makeFailure, makeForm, makePanel } from "./forms.js";
import { makePasswordForm } from "./password-form.js";
import { startPage } from "../page.js";
import { send } from "./requests.js";

const main = byId("main");

void startPage(async () => {
  await paint([]);
});

/** @param {Node[]} first what is shown above all */
async function paint(first) {
  /** @type {import("./factors.js").SessionAnswer} */
  const session = await send("GET", "session");
  const again = () => paint([]);
  const hasFactor = session.has_app || session.keys.length > 0;
  const panels = [...first, makePersonPanel(session)];
  if (hasFactor && session.controls_for_s === 0) panels.push(makeFactorPanel(session, again));
  else {
    panels.push(makeSetUpPanel(session, (codes) => paint(codes.length ? [makeCodesPanel(codes)] : [])));
    if (hasFactor) panels.push(makeFactorList(session, again));
  }
  panels.push(makePanel("Password", makePasswordForm("The password so far", again)));
  panels.push(await makeTokensPanel(again), await makeSessionsPanel(again));
  main.replaceChildren(...panels);
  main.dataset.ready = "true";
}

/** @param {import("./factors.js").SessionAnswer} session */
function makePersonPanel(session) {
  const areas = session.areas === null ? "every site" : session.areas.join(", ");
  const control = session.may_control ? "permitted now" : "not before a second factor is shown";
  const failure = makeFailure();
  const out = makeButton("Log out", failure, async () => {
    await send("POST", "logout");
    location.assign("/login");
  });
  const links = [make("a", { class: "button", href: "/" }, "Overview"), out];
  if (session.roles.some((role) => role.startsWith("security_"))) links.unshift(make("a", { class: "button", href: "/accounts" }, "Accounts"));
  return makePanel(
    session.person,
    make("p", {}, `Roles: ${session.roles.map(inWords).join(", ") || "none"}; in ${areas}. Control: ${control}.`),
    make("p", {}, beforeInWords(session.before)),
    make("p", { class: "words" }, "Roles and areas are those of the utility folder."),
    make("div", { class: "actions" }, ...links),
    failure,
  );
}

/**
 * @param {import("./factors.js").SessionAnswer} session
 * @param {() => Promise<void>} again
 */
function makeFactorList(session, again) {
  const failure = makeFailure();
  const rows = session.keys.map((key) =>
    makeRow(`${key.label} (${key.host})`, makeButton("Remove", failure, () => change("DELETE", `account/security-keys/${encodeURIComponent(key.id)}`, again), `Remove ${key.label}`)),
  );
  if (session.has_app) {
    rows.push(makeRow("Authenticator app", makeButton("Remove", failure, () => change("DELETE", "account/app", again), "Remove the authenticator app")));
  }
  const codes = makeButton("New codes", failure, async () => {
    await paint([makeCodesPanel((await send("POST", "account/recovery-codes")).recovery_codes)]);
  });
  rows.push(makeRow(`${session.recovery_codes} recovery codes`, codes));
  return makePanel("Your second factors", make("table", {}, make("tbody", {}, ...rows)), failure);
}

/** @param {() => Promise<void>} again */
async function makeTokensPanel(again) {
  const { tokens, roles, longest_days: longest } = await send("GET", "account/tokens");
  const failure = makeFailure();
  const rows = tokens.map((/** @type {any} */ token) =>
    makeRow(
      `${token.label}: ${token.roles.map(inWords).join(", ")}, until ${token.expires.slice(0, 10)}`,
      makeButton("Revoke", failure, () => change("DELETE", `account/tokens/${token.name}`, again), `Revoke ${token.label}`),
    ),
  );
  const boxes = roles.map((/** @type {string} */ role) => make("input", { type: "checkbox", value: role }));
  const chosen = make("fieldset", {}, make("legend", {}, "Roles"), ...boxes.map((/** @type {HTMLInputElement} */ box) => make("label", {}, box, inWords(box.value))));
  const form = makeForm(
    [
      { name: "label", label: "What it is for" },
      { name: "days", label: `Days that it lives, at most ${longest}`, inputmode: "numeric", value: String(Math.min(30, longest)) },
    ],
    "Make a token",
    async ({ label, days }) => {
      const wanted = boxes.flatMap((/** @type {HTMLInputElement} */ box) => (box.checked ? [box.value] : []));
      const made = await send("POST", "account/tokens", { label, days: Number(days), roles: wanted });
      const value = make("p", { class: "secret", id: "token-value" }, made.value);
      await paint([makePanel(`Token: ${made.label}`, make("p", { class: "words" }, "It is not shown again."), value)]);
    },
    chosen,
  );
  const words = "For terminals and machines that act in your name.";
  return makePanel("API tokens", make("p", { class: "words" }, words), make("table", {}, make("tbody", {}, ...rows)), failure, form);
}

/** @param {() => Promise<void>} again */
async function makeSessionsPanel(again) {
  const { sessions } = await send("GET", "account/sessions");
  const failure = makeFailure();
  const rows = sessions.map((/** @type {any} */ one) => {
    const words = `from ${one.address}, since ${one.started.slice(0, 16).replace("T", " ")} UTC`;
    return one.is_this
      ? makeRow(`${words}: this one`, "")
      : makeRow(words, makeButton("End", failure, () => change("DELETE", `account/sessions/${one.name}`, again), `End the session ${words}`));
  });
  const everywhere = makeButton("Log out everywhere", failure, async () => {
    await send("POST", "logout/everywhere");
    location.assign("/login");
  });
  const words = "Ends every session and API token of yours.";
  return makePanel("Sessions", make("table", {}, make("tbody", {}, ...rows)), make("p", { class: "words" }, words), make("div", { class: "actions" }, everywhere), failure);
}

/**
 * @param {"POST" | "DELETE"} method
 * @param {string} path
 * @param {() => Promise<void>} again
 */
async function change(method, path, again) {
  await send(method, path);
  await again();
}

/**
 * @param {string} words
 * @param {Node | string} action
 */
function makeRow(words, action) {
  return make("tr", {}, make("td", {}, words), make("td", { class: "right" }, action));
}

/** @param {import("./factors.js").SessionAnswer["before"]} before */
function beforeInWords(before) {
  if (before === null) return "This is the first login.";
  const failures = before.failures ? `; ${before.failures} passwords were refused after it: was that you?` : "";
  return `Login before this one: ${before.time.slice(0, 16).replace("T", " ")} UTC from ${before.address}${failures}.`;
}

/** @param {string} role */
function inWords(role) {
  return role.replaceAll("_", " ");
}
