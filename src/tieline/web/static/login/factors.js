/**
 * Setting up a second factor, and showing it: the login and the account page have both.
 * @module
 */

import { draw, make } from "../dom.js";
import { makeButton, makeFailure, makeForm, makePanel } from "./forms.js";
import { send } from "./requests.js";
import { askKey, askNewKey } from "./security-key.js";

/**
 * @typedef {object} SessionAnswer what `/api/session` answers
 * @property {string} person
 * @property {"second_factor" | "change_password" | "enroll" | "full"} stage
 * @property {string[]} roles
 * @property {string[] | null} areas
 * @property {"control" | "always" | "never"} second_factor
 * @property {boolean} may_control
 * @property {number} controls_for_s
 * @property {boolean} has_app
 * @property {boolean} can_have_keys
 * @property {{id: string, label: string, host: string, added: string}[]} keys
 * @property {number} recovery_codes
 * @property {number} idle_minutes
 * @property {{time: string, address: string, failures: number} | null} before the login before this one
 */

/**
 * Asks for a code or a security key.
 * @param {SessionAnswer} session
 * @param {() => Promise<void>} done
 */
export function makeFactorPanel(session, done) {
  const form = makeForm(
    [{ name: "code", label: "Code of your authenticator app, or a recovery code", autocomplete: "one-time-code" }],
    "Show the code",
    async ({ code }) => {
      await send("POST", "login/second-factor", { code });
      await done();
    },
  );
  const panel = makePanel("Second factor", form);
  if (session.keys.some((key) => key.host === location.hostname)) {
    const failure = makeFailure();
    const prove = async () => {
      const answer = await askKey(await send("POST", "login/security-key/question"));
      await send("POST", "login/security-key", { answer });
      await done();
    };
    panel.append(make("div", { class: "actions" }, makeButton("Use a security key", failure, prove)), failure);
  }
  return panel;
}

/**
 * Sets up an app or a key.
 * @param {SessionAnswer} session
 * @param {(codes: string[]) => Promise<void>} done gets recovery codes where there are new ones
 */
export function makeSetUpPanel(session, done) {
  const failure = makeFailure();
  const place = make("div", { class: "fields" });
  const actions = make("div", { class: "actions" });
  actions.append(
    makeButton(session.has_app ? "Replace the authenticator app" : "Set up an authenticator app", failure, async () => {
      place.replaceChildren(...makeAppSteps(await send("POST", "account/app"), done));
    }),
  );
  if (session.can_have_keys && "credentials" in navigator) {
    actions.append(
      makeButton("Add a security key", failure, async () => {
        place.replaceChildren(makeKeyForm(done));
        place.querySelector("input")?.focus();
      }),
    );
  }
  const words = session.can_have_keys
    ? "An app on your phone that shows codes, or a security key that you touch."
    : "An app on your phone that shows codes. Security keys need Tieline to be opened by a name and with TLS.";
  return makePanel("Set up a second factor", make("p", { class: "words" }, words), actions, failure, place);
}

/**
 * @param {string[]} codes
 * @param {() => Promise<void>} [done]
 */
export function makeCodesPanel(codes, done = undefined) {
  const list = make("ul", { class: "secret codes" }, ...codes.map((code) => make("li", {}, code)));
  const panel = makePanel(
    "Recovery codes",
    make("p", { class: "words" }, "Each lets you in once without your second factor. Keep them where your phone is not; they are not shown again."),
    list,
  );
  if (done) {
    const failure = makeFailure();
    panel.append(make("div", { class: "actions" }, makeButton("I have kept them", failure, done)), failure);
  }
  return panel;
}

/**
 * @param {{secret: string, address: string, size: number, path: string}} app
 * @param {(codes: string[]) => Promise<void>} done
 */
function makeAppSteps(app, done) {
  const picture = draw("svg", { class: "qr", viewBox: `0 0 ${app.size} ${app.size}`, role: "img", "aria-label": "QR code of the secret" });
  picture.append(draw("path", { d: app.path }));
  return [
    make("p", {}, "Scan this with the app, or type the secret into it:"),
    picture,
    make("p", { class: "secret", id: "app-secret" }, app.secret.replace(/(.{4})(?=.)/g, "$1 ")),
    makeForm([{ name: "code", label: "The code that the app shows now", autocomplete: "one-time-code" }], "Confirm", async ({ code }) => {
      await done((await send("PUT", "account/app", { code })).recovery_codes);
    }),
  ];
}

/** @param {(codes: string[]) => Promise<void>} done */
function makeKeyForm(done) {
  return makeForm([{ name: "label", label: "What you call the key", value: "security key" }], "Touch the key", async ({ label }) => {
    const answer = await askNewKey(await send("POST", "account/security-keys/question"));
    await done((await send("POST", "account/security-keys", { answer, label })).recovery_codes);
  });
}
