/**
 * All accounts, for security administrators; auditors see them too.
 * @module
 */

import { byId, make } from "../dom.js";
import { makeFactorPanel } from "./factors.js";
import { makeButton, makeFailure, makeForm, makePanel } from "./forms.js";
import { startPage } from "../page.js";
import { send } from "./requests.js";

const main = byId("main");
const COLUMNS = ["Person", "Roles", "Sites", "State", "Second factors", "Sessions", "Tokens", ""];

void startPage(async () => {
  await paint([]);
});

/** @param {Node[]} first what is shown above all */
async function paint(first) {
  /** @type {import("./factors.js").SessionAnswer} */
  const session = await send("GET", "session");
  const again = () => paint([]);
  try {
    const { accounts, may_change: mayChange } = await send("GET", "accounts");
    const failure = makeFailure();
    const rows = accounts.map((/** @type {any} */ account) => makeRow(account, mayChange && account.name !== session.person, failure, again));
    const head = make("thead", {}, make("tr", {}, ...COLUMNS.map((name) => make("th", { scope: "col" }, name || make("span", { class: "quiet-words" }, "Actions")))));
    const links = make("div", { class: "actions" }, make("a", { class: "button", href: "/account" }, "Your account"), make("a", { class: "button", href: "/" }, "Overview"));
    const list = make(
      "section",
      { class: "panel entry wide" },
      make("h2", {}, "Accounts", make("span", {}, "people, roles and sites are those of the utility folder")),
      make("table", {}, head, make("tbody", {}, ...rows)),
      failure,
      links,
    );
    const factor = mayChange && !session.may_control ? [makeFactorPanel(session, again)] : [];
    main.replaceChildren(...first, ...factor, list);
  } catch (error) {
    main.replaceChildren(makePanel("Accounts", make("p", {}, error instanceof Error ? error.message : String(error))));
  }
  main.dataset.ready = "true";
}

/**
 * @param {any} account
 * @param {boolean} isOther
 * @param {HTMLElement} failure
 * @param {() => Promise<void>} again
 */
function makeRow(account, isOther, failure, again) {
  const factors = [account.has_app ? "app" : "", account.security_keys ? `${account.security_keys} keys` : ""].filter(Boolean).join(", ");
  const cells = [
    account.name,
    account.roles.map((/** @type {string} */ role) => role.replaceAll("_", " ")).join(", "),
    account.areas.join(", ") || "every site",
    stateOf(account),
    factors || "none",
    String(account.sessions),
    String(account.tokens),
  ].map((text) => make("td", {}, text));
  const actions = make("td", { class: "account-actions" });
  /** @param {string} verb @param {() => Promise<void>} act */
  const add = (verb, act) => actions.append(makeButton(verb, failure, act, `${verb} ${account.name}`));
  if (isOther && account.is_in_folder && !account.has_account) add("Create", () => showSecret(`accounts/${account.name}`));
  if (isOther && account.has_account) {
    add("Reset", () => showSecret(`accounts/${account.name}/reset`));
    if (account.locked === null) add("Lock", () => paint([makeLockPanel(account.name, again)]));
    if (account.locked !== null || account.waits_s > 0) add("Unlock", () => change("POST", `accounts/${account.name}/unlock`, again));
    if (!account.is_in_folder) add("Remove", () => change("DELETE", `accounts/${account.name}`, again));
  }
  return make("tr", { "data-person": account.name }, ...cells, actions);
}

/** @param {any} account */
function stateOf(account) {
  if (!account.is_in_folder) return "left the folder";
  if (!account.has_account) return "no account";
  if (account.locked !== null) return `locked: ${account.locked}`;
  if (account.waits_s > 0) return `waits ${Math.ceil(account.waits_s)} s after failures`;
  return account.awaits_first_login ? "awaits the first login" : "in use";
}

/** @param {string} path */
async function showSecret(path) {
  const given = await send("POST", path);
  const words = `For one login of ${given.name}, until ${given.expires.slice(0, 16).replace("T", " ")} UTC. It is not shown again.`;
  await paint([makePanel("One-time secret", make("p", { class: "words" }, words), make("p", { class: "secret", id: "one-time" }, given.secret))]);
}

/**
 * @param {string} name
 * @param {() => Promise<void>} again
 */
function makeLockPanel(name, again) {
  return makePanel(
    `Lock ${name}`,
    makeForm([{ name: "reason", label: "Reason" }], "Lock", async ({ reason }) => {
      await send("POST", `accounts/${name}/lock`, { reason });
      await again();
    }),
  );
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
