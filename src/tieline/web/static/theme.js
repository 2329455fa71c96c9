// Runs before anything is painted, so that a page never flashes in the wrong theme. Not a module: those run too late.
// `themechoice` on the document asks it to look again at what a person has chosen; it answers with `themechange`.
"use strict";
{
  const system = matchMedia("(prefers-color-scheme: light)");
  const apply = () => {
    const chosen = localStorage.getItem("theme");
    const choice = chosen === "day" || chosen === "auto" ? chosen : "night";
    const root = document.documentElement;
    root.dataset.themeChoice = choice;
    root.dataset.theme = choice === "auto" ? (system.matches ? "day" : "night") : choice;
    document.dispatchEvent(new Event("themechange"));
  };
  apply();
  document.addEventListener("themechoice", apply);
  system.addEventListener("change", apply);
}
