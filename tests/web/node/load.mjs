// The screens' modules carry no package.json, so node would take them for CommonJS: they are loaded as data, with what they import.
import { readFileSync } from "node:fs";

const STATIC = new URL("../../../src/tieline/web/static/", import.meta.url);

/** The module's exports. A module that several import is one and the same. */
export function load(name) {
  return import(dataOf(name));
}

/** The module as an address, with those that it imports inside. */
function dataOf(name) {
  const folder = new URL(name, STATIC);
  const source = readFileSync(folder, "utf8").replace(/from "(\.{1,2}\/[^"]+)"/g, (_, path) => {
    const imported = new URL(path, folder).href.slice(STATIC.href.length);
    return `from "${dataOf(imported)}"`;
  });
  return `data:text/javascript;base64,${Buffer.from(source).toString("base64")}`;
}
