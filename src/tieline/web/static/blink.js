/**
 * One beat for everything that blinks: the body's `data-beat` is `on` or `off`, in phase on every screen of a room by the server's time.
 * Where motion is not wanted there is no beat, and what would blink stays lit.
 * @module
 */

const HALF_MS = 500;

/** @param {import("./live.js").Live} live */
export function startBeat(live) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const beat = () => {
    const now = live.now() / 1e3;
    if (still.matches) delete document.body.dataset.beat;
    else document.body.dataset.beat = Math.floor(now / HALF_MS) % 2 ? "off" : "on";
    setTimeout(beat, HALF_MS - (now % HALF_MS) + 1);
  };
  beat();
}
