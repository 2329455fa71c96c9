/**
 * Zoom and pan of a drawing: wheel, drag, two fingers, and keys. At fit all of it is seen, and it is never enlarged so far that it looks coarse.
 * @module
 */

const LARGEST_FIT = 2;
const LARGEST = 4;
const STEP = 1.25;
const WHEEL = 0.0015;
const PAN = 0.15;
const DRAG_PX = 5;
const EDGE_PX = 40;

/** @typedef {{x: number, y: number}} Spot */

export class DrawingView {
  #drawing;
  #host;
  #size;
  #center;
  /** Screen pixels for one of the drawing. */ #scale = 1;
  #isFit = true;
  /** @type {Map<number, Spot>} fingers, or the mouse */ #down = new Map();
  #hasMoved = false;

  /**
   * @param {HTMLElement} host the place it is seen in, which can be focused
   * @param {SVGSVGElement} drawing
   */
  constructor(host, drawing) {
    this.#host = host;
    this.#drawing = drawing;
    this.#size = { width: drawing.viewBox.baseVal.width, height: drawing.viewBox.baseVal.height };
    this.#center = this.#middle();
    new ResizeObserver(() => this.#show()).observe(host);
    host.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    host.addEventListener("pointerdown", (event) => this.#press(event));
    host.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) host.addEventListener(name, (event) => this.#down.delete(event.pointerId));
    host.addEventListener("click", (event) => this.#swallow(event), { capture: true });
    host.addEventListener("keydown", (event) => this.#key(event));
    drawing.addEventListener("focusin", (event) => this.#follow(event));
  }

  /** All of it. */
  fit() {
    this.#isFit = true;
    this.#show();
  }

  /**
   * All of it where that is large enough to be read; otherwise its upper part, as large as that.
   * @param {number} least screen pixels for one of the drawing
   */
  read(least) {
    this.#isFit = this.#fitting >= least;
    this.#scale = least;
    this.#center = { x: this.#size.width / 2, y: 0 };
    this.#show();
  }

  /**
   * Brings something of the drawing into view where it is not.
   * @param {Element} element
   */
  reveal(element) {
    if (this.#isFit) return;
    const at = element.getBoundingClientRect();
    const box = this.#host.getBoundingClientRect();
    const x = beyond(at.left - box.left, at.right - box.left, box.width);
    const y = beyond(at.top - box.top, at.bottom - box.top, box.height);
    if (x || y) this.#panBy(x / this.#scale, y / this.#scale);
  }

  /**
   * @param {number} steps more is closer
   * @param {Spot} [at] what stays where it is, in pixels of the host
   */
  zoom(steps, at = undefined) {
    this.#zoomTo(this.#scale * STEP ** steps, at ?? { x: this.#host.clientWidth / 2, y: this.#host.clientHeight / 2 });
  }

  /**
   * @param {number} right of the width that is seen
   * @param {number} down
   */
  pan(right, down) {
    this.#panBy((right * this.#host.clientWidth) / this.#scale, (down * this.#host.clientHeight) / this.#scale);
  }

  #middle() {
    return { x: this.#size.width / 2, y: this.#size.height / 2 };
  }

  get #fitting() {
    return Math.min(this.#host.clientWidth / this.#size.width, this.#host.clientHeight / this.#size.height, LARGEST_FIT);
  }

  /**
   * @param {number} scale
   * @param {Spot} at
   */
  #zoomTo(scale, at) {
    const before = this.#scale;
    const next = Math.min(Math.max(scale, this.#fitting), LARGEST);
    const x = (at.x - this.#host.clientWidth / 2) * (1 / before - 1 / next);
    const y = (at.y - this.#host.clientHeight / 2) * (1 / before - 1 / next);
    this.#scale = next;
    this.#isFit = next <= this.#fitting * 1.001;
    this.#panBy(x, y);
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #panBy(x, y) {
    this.#center = { x: this.#center.x + x, y: this.#center.y + y };
    this.#show();
  }

  #show() {
    const { clientWidth: width, clientHeight: height } = this.#host;
    if (!width || !height) return;
    this.#scale = this.#isFit ? this.#fitting : Math.max(this.#scale, this.#fitting);
    const seen = { width: width / this.#scale, height: height / this.#scale };
    this.#center = {
      x: within(this.#center.x, seen.width, this.#size.width),
      y: within(this.#center.y, seen.height, this.#size.height),
    };
    const { x, y } = this.#center;
    this.#drawing.setAttribute("viewBox", [x - seen.width / 2, y - seen.height / 2, seen.width, seen.height].map((each) => each.toFixed(2)).join(" "));
    this.#host.dataset.fit = String(this.#isFit);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 20;
    const box = this.#host.getBoundingClientRect();
    this.#zoomTo(this.#scale * Math.exp(-event.deltaY * lines * WHEEL), { x: event.clientX - box.left, y: event.clientY - box.top });
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button) return;
    if (!this.#down.size) this.#hasMoved = false;
    this.#down.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const before = this.#down.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const isNear = Math.hypot(now.x - before.x, now.y - before.y) < DRAG_PX;
    if (!this.#hasMoved && isNear) return;
    if (!this.#hasMoved) this.#host.setPointerCapture(event.pointerId);
    this.#hasMoved = true;
    this.#down.set(event.pointerId, now);
    const other = [...this.#down].find(([pointer]) => pointer !== event.pointerId)?.[1];
    if (!other) {
      this.#panBy((before.x - now.x) / this.#scale, (before.y - now.y) / this.#scale);
      return;
    }
    const box = this.#host.getBoundingClientRect();
    const closer = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(Math.hypot(before.x - other.x, before.y - other.y), 1);
    this.#zoomTo(this.#scale * closer, { x: (now.x + other.x) / 2 - box.left, y: (now.y + other.y) / 2 - box.top });
  }

  /**
   * The click at the end of a drag opens nothing.
   * @param {MouseEvent} event
   */
  #swallow(event) {
    if (!this.#hasMoved || !event.detail) return;
    this.#hasMoved = false;
    event.stopPropagation();
    event.preventDefault();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const way = { ArrowLeft: [-PAN, 0], ArrowRight: [PAN, 0], ArrowUp: [0, -PAN], ArrowDown: [0, PAN] }[event.key];
    if (!way) return;
    event.preventDefault();
    this.pan(way[0], way[1]);
  }

  /**
   * What is reached by the Tab key is brought into view.
   * @param {FocusEvent} event
   */
  #follow(event) {
    if (event.target instanceof SVGGraphicsElement && event.target.matches(":focus-visible")) this.reveal(event.target);
  }
}

/**
 * The center of what is seen, so that nothing but the drawing is; in the middle where there is more room than it needs.
 * @param {number} center
 * @param {number} seen
 * @param {number} size
 */
function within(center, seen, size) {
  return seen >= size ? size / 2 : Math.min(Math.max(center, seen / 2), size - seen / 2);
}

/**
 * How far a range is outside of what is seen, with some room.
 * @param {number} start
 * @param {number} end
 * @param {number} seen
 */
function beyond(start, end, seen) {
  return start < EDGE_PX ? start - EDGE_PX : end > seen - EDGE_PX ? end - seen + EDGE_PX : 0;
}
