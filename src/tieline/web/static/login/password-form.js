/**
 * Changing one's password.
 * @module
 */

import { makeForm } from "./forms.js";
import { send } from "./requests.js";

/**
 * @param {string} before what the password so far is called
 * @param {() => Promise<void>} done
 */
export function makePasswordForm(before, done) {
  return makeForm(
    [
      { name: "old", label: before, type: "password", autocomplete: "current-password" },
      { name: "new", label: "New password, at least 12 characters", type: "password", autocomplete: "new-password" },
      { name: "again", label: "New password again", type: "password", autocomplete: "new-password" },
    ],
    "Change the password",
    async (values) => {
      if (values.new !== values.again) throw new Error("the two new passwords differ");
      await send("POST", "login/password", { old: values.old, new: values.new });
      await done();
    },
  );
}
