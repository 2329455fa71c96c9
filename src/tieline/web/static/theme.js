// Runs before anything is painted, so that a page never flashes in the wrong theme. Not a module: those run too late.
"use strict";
document.documentElement.dataset.theme = localStorage.getItem("theme") === "day" ? "day" : "night";
