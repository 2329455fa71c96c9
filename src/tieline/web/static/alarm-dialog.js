/**
 * The dialog that asks why alarms are shelved or taken out of service, and for how long.
 * @module
 */

import { make, setText } from "./dom.js";
import { makeAction } from "./supervision.js";
import { texts } from "./texts/alarms.js";

const say = texts.dialog;

/** @typedef {{reason: string, minutes?: number}} Why */

/**
 * @param {(action: "shelve" | "out-of-service", ids: string[], why: Why) => Promise<void>} act
 */
export function makeAlarmDialog(act) {
  const title = make("h2", { id: "alarm-dialog-title" });
  const reason = make("input", { type: "text", id: "alarm-reason", maxlength: "200", autocomplete: "off" });
  const minutes = make("select", { id: "alarm-minutes" }, ...Object.entries(say.times).map(([value, words]) => make("option", { value }, words)));
  const time = make("div", {}, make("label", { for: "alarm-minutes" }, say.time), minutes);
  const words = make("p", { class: "quiet" }, say.takeOutWords);
  const refusal = make("p", { class: "failure", role: "alert" });
  /** @type {"shelve" | "out-of-service"} */
  let action = "shelve";
  /** @type {string[]} */
  let ids = [];
  const ok = makeAction("", refusal, async () => {
    if (!reason.value.trim()) {
      reason.focus();
      throw new Error(say.sayWhy);
    }
    await act(action, ids, { reason: reason.value.trim(), ...(action === "shelve" ? { minutes: Number(minutes.value) } : {}) });
    dialog.close();
  });
  reason.addEventListener("keydown", (event) => {
    if (event.key === "Enter") ok.click();
  });
  const cancel = makeAction(say.cancel, refusal, async () => dialog.close());
  const dialog = make(
    "dialog",
    { class: "alarm-dialog", "aria-labelledby": "alarm-dialog-title" },
    title,
    words,
    make("label", { for: "alarm-reason" }, say.reason),
    reason,
    time,
    refusal,
    make("div", { class: "buttons" }, ok, cancel),
  );
  return {
    element: dialog,
    /**
     * @param {"shelve" | "out-of-service"} which
     * @param {string[]} alarms
     */
    open(which, alarms) {
      if (!alarms.length) return;
      action = which;
      ids = alarms;
      const isShelving = which === "shelve";
      setText(title, isShelving ? say.shelve(alarms.length, alarms[0]) : say.takeOut(alarms.length, alarms[0]));
      setText(ok, isShelving ? say.ok.shelve : say.ok.takeOut);
      time.hidden = !isShelving;
      words.hidden = isShelving;
      minutes.value = "60";
      reason.value = refusal.textContent = "";
      dialog.showModal();
      reason.focus();
    },
  };
}
