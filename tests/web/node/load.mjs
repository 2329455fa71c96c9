// The screens' modules carry no package.json, so node would take them for CommonJS: they are loaded as data.
import { readFileSync } from "node:fs";

const STATIC = new URL("../../../src/tieline/web/static/", import.meta.url);

/** The module's exports; only for modules that import nothing themselves. */
export function load(name) {
  const source = readFileSync(new URL(name, STATIC), "utf8");
  return import(`data:text/javascript;base64,${Buffer.from(source).toString("base64")}`);
}
