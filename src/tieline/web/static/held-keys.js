/**
 * Enter or Space that is held down presses nothing a second time: what follows needs a press of its own.
 * @module
 */

/** @param {HTMLElement} element */
export function refuseHeldKeys(element) {
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.repeat && (event.key === "Enter" || event.key === " ")) event.preventDefault();
    },
    true,
  );
}
