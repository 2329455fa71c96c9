/**
 * The login, step by step: password, second factor, a new password or factor where one is due.
 * @module
 */

import { byId, make } from "../dom.js";
import { makeCodesPanel, makeFactorPanel, makeSetUpPanel } from "./factors.js";
import { makeFailure, makeForm, makePanel } from "./forms.js";
import { makePasswordForm } from "./password-form.js";
import { send, takeProblem, token } from "./requests.js";
import { wayBack } from "./way-back.js";

const main = byId("main");

void start();

async function start() {
  const ways = await send("GET", "login");
  if (token()) {
    try {
      await proceed();
      return;
    } catch {
      // the session has ended: begin anew
    }
  }
  show(makeLoginPanel(ways.provider));
}

/** @param {string | null} provider */
function makeLoginPanel(provider) {
  const panel = makePanel(
    "Log in",
    makeForm(
      [
        { name: "name", label: "Name", autocomplete: "username" },
        { name: "password", label: "Password", type: "password", autocomplete: "current-password" },
      ],
      "Log in",
      async ({ name, password }) => {
        await send("POST", "login", { name, password });
        await proceed();
      },
    ),
  );
  if (provider !== null) {
    const address = `/login/provider?next=${encodeURIComponent(wanted())}`;
    panel.append(make("div", { class: "actions" }, make("a", { class: "button", href: address }, `Log in with ${provider}`)));
  }
  const problem = takeProblem();
  if (problem) {
    const failure = makeFailure();
    failure.textContent = problem;
    panel.append(failure);
  }
  return panel;
}

/** Shows the next step, or goes on to what was wanted. */
async function proceed() {
  /** @type {import("./factors.js").SessionAnswer} */
  const session = await send("GET", "session");
  switch (session.stage) {
    case "second_factor":
      show(makeFactorPanel(session, proceed));
      break;
    case "change_password":
      show(makePanel("Choose a password", makePasswordForm("The one-time secret", proceed)));
      break;
    case "enroll":
      show(makeSetUpPanel(session, async (codes) => (codes.length ? show(makeCodesPanel(codes, proceed)) : proceed())));
      break;
    default:
      location.replace(wanted());
  }
}

/** @param {HTMLElement} panel */
function show(panel) {
  main.replaceChildren(panel);
  main.dataset.ready = "true";
  panel.querySelector("input")?.focus();
}

/** The page that one came from; never one elsewhere. */
function wanted() {
  return wayBack(location.search, location.origin);
}
