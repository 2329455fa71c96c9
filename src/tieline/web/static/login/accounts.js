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
const COLUMNS = ["Person", "Roles", "Sites", "State", "Last login (UTC)", "Second factors", "Sessions", "Tokens", ""];
const COUNTS = new Set(["Sessions", "Tokens"]);

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
    const head = make("thead", {}, make("tr", {}, ...COLUMNS.map((name) => make("th", COUNTS.has(name) ? { scope: "col", class: "right" } : { scope: "col" }, name || make("span", { class: "quiet-words" }, "Actions")))));
    const find = make("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    find.addEventListener("input", () => {
      for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(find.value.trim().toLowerCase());
    });
    const links = make("div", { class: "actions" }, make("a", { class: "button", href: "/account" }, "Your account"), make("a", { class: "button", href: "/" }, "Overview"));
    const list = make(
      "section",
      { class: "panel entry wide" },
      make("h2", {}, "Accounts", make("span", {}, "people, roles and sites are those of the utility folder")),
      make("label", { class: "find" }, "Find", find),
      failure,
      make("table", {}, head, make("tbody", {}, ...rows)),
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
  const factors = [account.has_app ? "app" : "", account.security_keys ? counted(account.security_keys, "key") : ""].filter(Boolean).join(", ");
  const cells = [
    account.name,
    account.roles.map((/** @type {string} */ role) => role.replaceAll("_", " ")).join(", "),
    account.areas.join(", ") || "every site",
    stateOf(account),
    lastLoginOf(account),
    factors || "none",
    String(account.sessions),
    String(account.tokens),
  ].map((text, index) => make("td", COUNTS.has(COLUMNS[index]) ? { class: "right" } : {}, text));
  const actions = make("td", { class: "account-actions" });
  /** @param {string} verb @param {() => Promise<void>} act */
  const add = (verb, act) => actions.append(makeButton(verb, failure, act, `${verb} ${account.name}`));
  if (isOther && account.is_in_folder && !account.has_account) add("Create", () => showSecret(`accounts/${account.name}`));
  if (isOther && account.has_account) add("Administer", async () => openActions(account, again));
  return make("tr", { "data-person": account.name }, ...cells, actions);
}

/**
 * @param {number} count
 * @param {string} what one of them
 */
function counted(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** @param {any} account */
function lastLoginOf(account) {
  const failures = account.failures ? `, ${account.failures} refused since` : "";
  return account.last_login === null ? `never${failures}` : `${account.last_login.slice(0, 16).replace("T", " ")} from ${account.last_address}${failures}`;
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
 * What can be done to an account, each with what becomes of it.
 * @param {any} account
 * @param {() => Promise<void>} again
 */
function openActions(account, again) {
  const path = `accounts/${account.name}`;
  const failure = makeFailure();
  const dialog = make("dialog", { class: "panel entry", "aria-labelledby": "administered" });
  const rows = make("div", { class: "account-choices" });
  /** @param {string} verb @param {string} words @param {() => Promise<void>} act */
  const add = (verb, words, act) => {
    const done = async () => {
      await act();
      dialog.close();
    };
    rows.append(makeButton(verb, failure, done, `${verb} ${account.name}`), make("p", { class: "words" }, words));
  };
  if (account.locked !== null || account.waits_s > 0) {
    add("Unlock", "Ends the lock, and the wait after failures.", () => change("POST", `${path}/unlock`, again));
  }
  if (account.sessions) add("End sessions", `Ends ${counted(account.sessions, "session")} at once; one can log in again.`, () => change("POST", `${path}/end-sessions`, again));
  if (account.tokens) add("Revoke tokens", `Ends ${counted(account.tokens, "API token")} at once.`, () => change("POST", `${path}/revoke-tokens`, again));
  if (account.has_app || account.security_keys) {
    add("Reset second factors", "For a lost phone or key: the password stays, another factor is set up at the next login.", () => change("POST", `${path}/reset-factors`, again));
  }
  if (account.is_in_folder) {
    add("Reset", "A one-time secret in place of the password, second factors, sessions and tokens.", () => showSecret(`${path}/reset`));
  } else {
    add("Remove", "Removes the account that is left over.", () => change("DELETE", path, again));
  }
  const lock = makeForm([{ name: "reason", label: "Why the account is locked: its sessions and tokens end too" }], "Lock", async ({ reason }) => {
    await send("POST", `${path}/lock`, { reason });
    dialog.close();
    await again();
  });
  const close = makeButton("Cancel", failure, async () => dialog.close());
  dialog.append(
    make("h2", { id: "administered" }, account.name, make("span", {}, stateOf(account))),
    rows,
    ...(account.locked === null ? [lock] : []),
    failure,
    make("div", { class: "actions" }, close),
  );
  dialog.addEventListener("close", () => dialog.remove());
  main.append(dialog);
  dialog.showModal();
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
