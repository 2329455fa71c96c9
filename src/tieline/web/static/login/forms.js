/**
 * Panels with a form: what is wrong is said in words beside it, and a form that is under way is not sent twice.
 * @module
 */

import { make } from "../dom.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {"text" | "password" | "number"} [type]
 * @property {string} [autocomplete]
 * @property {string} [inputmode]
 * @property {string} [value]
 */

/**
 * @param {string} title
 * @param {...(Node | string)} children
 */
export function makePanel(title, ...children) {
  return make("section", { class: "panel entry" }, make("h2", {}, title), ...children);
}

/**
 * A form with fields and one button.
 * @param {Field[]} fields
 * @param {string} verb
 * @param {(values: Record<string, string>) => Promise<void>} act
 * @param {...Node} more further elements before the button
 */
export function makeForm(fields, verb, act, ...more) {
  const inputs = fields.map((field) => {
    const attributes = { name: field.name, type: field.type ?? "text", required: "", maxlength: "256" };
    const input = make("input", { ...attributes, autocomplete: field.autocomplete ?? "off", spellcheck: "false" });
    if (field.inputmode) input.setAttribute("inputmode", field.inputmode);
    if (field.autocomplete === "username") input.setAttribute("autocapitalize", "none");
    input.value = field.value ?? "";
    return input;
  });
  const labels = fields.map((field, index) => make("label", {}, field.label, inputs[index]));
  const button = make("button", { class: "button", type: "submit" }, verb);
  const failure = makeFailure();
  const form = make("form", {}, ...labels, ...more, make("div", { class: "actions" }, button), failure);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries(inputs.map((input) => [input.name, input.value]));
    void attempt(button, failure, async () => {
      await act(values);
      for (const input of inputs) if (input.type === "password") input.value = "";
    });
  });
  return form;
}

/**
 * A button that does something; what is wrong is said in `failure`.
 * @param {string} verb
 * @param {HTMLElement} failure
 * @param {() => Promise<void>} act
 * @param {string} [words] what it does, where the verb alone does not say it
 */
export function makeButton(verb, failure, act, words = "") {
  const button = make("button", { class: "button", type: "button" }, verb);
  if (words) button.setAttribute("aria-label", words);
  button.addEventListener("click", () => void attempt(button, failure, act));
  return button;
}

/** Where it is said what is wrong. */
export function makeFailure() {
  return make("p", { class: "failure", role: "alert" });
}

/**
 * @param {HTMLButtonElement} button
 * @param {HTMLElement} failure
 * @param {() => Promise<void>} act
 */
async function attempt(button, failure, act) {
  button.disabled = true;
  failure.textContent = "";
  try {
    await act();
  } catch (error) {
    failure.textContent = error instanceof Error ? error.message : String(error);
  } finally {
    button.disabled = false;
  }
}
