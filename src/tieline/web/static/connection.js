/**
 * The WebSocket to the live feed: notices silence, and comes back by itself.
 *
 * The server says something at least once a second. When nothing was heard for `SILENCE_MS`, the screen is cut off, whatever the
 * socket believes, and a new one is tried, ever more slowly up to `SLOWEST_MS`.
 * @module
 */

import { decodeFrame } from "./frames.js";
import { texts } from "./texts/frame.js";

const SILENCE_MS = 3_500;
const FASTEST_MS = 250;
const SLOWEST_MS = 4_000;

/**
 * @typedef {"connecting" | "live" | "lost"} ConnectionState
 * @typedef {object} Handlers
 * @property {(frame: import("./frames.js").Frame) => void} frame
 * @property {(message: import("./types.js").Message) => void} message
 * @property {(state: ConnectionState, reason: string) => void} state
 */

export class Connection {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {ConnectionState} */ #state = "connecting";
  /** @type {number[]} */ #points = [];
  #subscription = 0;
  #heard = 0;
  #delay = FASTEST_MS;
  #reason = "";
  #handlers;
  #url;

  /**
   * @param {string} url
   * @param {Handlers} handlers
   */
  constructor(url, handlers) {
    this.#url = url;
    this.#handlers = handlers;
  }

  start() {
    this.#open();
    setInterval(() => this.#watch(), 500);
  }

  /**
   * Replaces what is subscribed to.
   * @param {number[]} points
   */
  subscribe(points) {
    this.#points = points;
    this.#sendSubscription();
  }

  #open() {
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#subscription = 0;
    this.#heard = performance.now();
    socket.onopen = () => this.#sendSubscription();
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lose(texts.closed);
    };
  }

  #sendSubscription() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#subscription += 1;
    this.#socket.send(JSON.stringify({ subscribe: this.#points }));
  }

  /** @param {ArrayBuffer | string} data */
  #receive(data) {
    this.#heard = performance.now();
    if (typeof data === "string") {
      /** @type {import("./types.js").Message} */
      const message = JSON.parse(data);
      if (message.type === "error") {
        this.#reason = message.error.message;
        this.#delay = SLOWEST_MS;
        return;
      }
      this.#reason = "";
      this.#delay = FASTEST_MS;
      this.#setState("live", "");
      this.#handlers.message(message);
    } else {
      const frame = decodeFrame(data);
      if (frame.subscription === this.#subscription) this.#handlers.frame(frame);
    }
  }

  #watch() {
    if (this.#socket && performance.now() - this.#heard > SILENCE_MS) this.#lose(texts.silent);
  }

  /** @param {string} reason */
  #lose(reason) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#setState("lost", this.#reason || reason);
    setTimeout(() => this.#open(), this.#delay * (0.75 + Math.random() / 2));
    this.#delay = Math.min(2 * this.#delay, SLOWEST_MS);
  }

  /**
   * @param {ConnectionState} state
   * @param {string} reason
   */
  #setState(state, reason) {
    if (state === this.#state) return;
    this.#state = state;
    this.#handlers.state(state, reason);
  }
}
