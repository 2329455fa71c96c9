/**
 * The sound of alarms: tones made by Web Audio, off until somebody switches them on here, silenced by a button.
 * Of several windows of a browser one sounds.
 * @module
 */

import { Siren, tonesOf } from "./alarm-tones.js";
import { make, setText } from "./dom.js";
import { texts } from "./texts/frame.js";

const KEY = "sound";
const LOOK_MS = 200;
const VOLUME = 0.25;
const say = texts.sound;

export class AlarmSound {
  #siren = new Siren();
  #isOn = localStorage.getItem(KEY) === "on";
  #isMine = false;
  /** @type {AudioContext | null} */ #audio = null;
  #words = make("span", { class: "sound-words", role: "status" });
  #switch = make("button", { type: "button", class: "button sound", "aria-pressed": "false" });
  #silence = make("button", { type: "button", class: "button silence", title: say.silenceWords }, say.silence);
  element = make("span", { class: "alarm-sound" }, this.#words, this.#silence, this.#switch);

  constructor() {
    this.#switch.addEventListener("click", () => this.#turn(!this.#isOn));
    this.#silence.addEventListener("click", () => this.silence());
    // the browser lets a page sound only after somebody has touched it
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.#wake(), { passive: true });
    addEventListener("storage", ({ key, newValue }) => {
      if (key === KEY) this.#follow(newValue === "on");
    });
    this.#takeTurn();
    this.#follow(this.#isOn);
    setInterval(() => this.#look(), LOOK_MS);
  }

  /**
   * @param {import("./types.js").Alarm[]} first the unacknowledged alarms that come first
   * @param {number} total
   */
  hear(first, total) {
    this.#siren.hear(first, total, performance.now() / 1e3);
    this.#paint();
  }

  silence() {
    this.#siren.silence();
    this.#paint();
  }

  /** @param {boolean} isOn */
  #turn(isOn) {
    localStorage.setItem(KEY, isOn ? "on" : "off");
    this.#follow(isOn);
  }

  /** @param {boolean} isOn */
  #follow(isOn) {
    this.#isOn = isOn;
    if (isOn && !this.#audio && "AudioContext" in window) {
      this.#audio = new AudioContext();
      this.#audio.addEventListener("statechange", () => this.#paint());
    }
    this.#wake();
    this.#paint();
  }

  #wake() {
    if (this.#isOn && this.#audio?.state === "suspended" && navigator.userActivation.hasBeenActive) void this.#audio.resume();
  }

  /** One window of this browser holds the lock for as long as it is open, and sounds. */
  #takeTurn() {
    if (!("locks" in navigator)) {
      this.#isMine = true;
      return;
    }
    void navigator.locks.request("tieline-alarm-sound", () => {
      this.#isMine = true;
      this.#paint();
      return new Promise(() => {});
    });
  }

  #look() {
    const audio = this.#audio;
    if (!this.#isOn || !this.#isMine || audio?.state !== "running") return;
    const priority = this.#siren.due(performance.now() / 1e3);
    if (priority) play(audio, priority);
  }

  #paint() {
    setText(this.#switch, this.#isOn ? say.on : say.off);
    this.#switch.title = this.#isOn ? say.turnOff : say.turnOn;
    this.#switch.setAttribute("aria-pressed", String(this.#isOn));
    this.#silence.hidden = !this.#isOn || !this.#siren.isSounding;
    const isBlocked = this.#audio?.state === "suspended";
    setText(this.#words, !this.#isOn ? "" : !this.#audio ? say.missing : !this.#isMine ? say.elsewhere : isBlocked ? say.blocked : "");
    this.element.dataset.state = !this.#isOn ? "off" : isBlocked ? "blocked" : this.#siren.isSounding ? "sounding" : "ready";
  }
}

/**
 * Plays a burst; each pulse rises and falls within milliseconds, so that nothing clicks.
 * @param {AudioContext} audio
 * @param {number} priority
 */
function play(audio, priority) {
  for (const { start, length, hertz } of tonesOf(priority)) {
    const begin = audio.currentTime + start;
    const tone = audio.createOscillator();
    const level = audio.createGain();
    tone.type = "triangle";
    tone.frequency.value = hertz;
    level.gain.setValueAtTime(0, begin);
    level.gain.linearRampToValueAtTime(VOLUME, begin + 0.01);
    level.gain.setValueAtTime(VOLUME, begin + length - 0.03);
    level.gain.linearRampToValueAtTime(0, begin + length);
    tone.connect(level).connect(audio.destination);
    tone.start(begin);
    tone.stop(begin + length);
  }
}
