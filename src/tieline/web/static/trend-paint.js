/**
 * Paints what a trend's columns say. All positions are pixels of the canvas, a column is one of them.
 * @module
 */

import { stateOf } from "./states.js";
import { stretches } from "./trend-columns.js";

export const BAND = 22;
const STRIP = 5;
const DASH = [5, 4];

/**
 * @typedef {object} Pen
 * @property {CanvasRenderingContext2D} ctx
 * @property {number} left of the plot
 * @property {number} top
 * @property {number} height
 * @property {number} min value at the bottom
 * @property {number} max value at the top
 * @property {string} color
 * @property {number} ratio pixels of the canvas for one of the page
 */

/**
 * A bar in each column from the least to the greatest value.
 * @param {Pen} pen
 * @param {import("./trend-columns.js").Columns} columns
 */
export function drawBars({ ctx, left, top, height, min, max, color }, { low, high }) {
  const scale = height / (max - min);
  ctx.fillStyle = color;
  ctx.globalAlpha = 0.45;
  for (let column = 0; column < low.length; column += 1) {
    if (!(high[column] >= low[column])) continue;
    const first = Math.round(top + (max - high[column]) * scale);
    const last = Math.round(top + (max - low[column]) * scale);
    ctx.fillRect(left + column, first, 1, Math.max(1, last - first + 1));
  }
  ctx.globalAlpha = 1;
}

/**
 * A line through the last value of each column. Where columns are empty the point has held its value, unless it went straight to the next.
 * @param {Pen} pen
 * @param {import("./trend-columns.js").Columns} columns
 * @param {number} width
 * @param {boolean} isDashed
 * @param {number} until the newest value is drawn on up to this column
 * @param {boolean} isStraight
 * @returns {{x: number, y: number} | null} where the line ends
 */
export function drawLine({ ctx, left, top, height, min, max, color, ratio }, { last, severity, isBreak }, width, isDashed, until, isStraight) {
  const scale = height / (max - min);
  let isDown = false;
  let alone = false;
  let x = 0;
  let y = 0;
  let newest = -1;
  ctx.beginPath();
  for (let column = 0; column < last.length; column += 1) {
    if (severity[column] === 255) continue;
    newest = column;
    if (Number.isNaN(last[column])) {
      if (severity[column] === 2) isDown = false;
      continue;
    }
    if (isBreak[column]) isDown = false;
    if (!isDown && alone) ctx.lineTo(x + 1, y);
    if (isDown && !isStraight && left + column - x > 1) ctx.lineTo(left + column - 0.5, y);
    x = left + column + 0.5;
    y = top + (max - last[column]) * scale;
    if (isDown) ctx.lineTo(x, y);
    else ctx.moveTo(x, y);
    alone = !isDown;
    isDown = true;
  }
  if (isDown && newest >= 0 && until > newest) {
    x = left + until + 0.5;
    ctx.lineTo(x, y);
  } else if (alone) {
    ctx.lineTo(x + 1, y);
  }
  ctx.strokeStyle = color;
  ctx.lineWidth = width * ratio;
  ctx.lineJoin = "round";
  if (isDashed) ctx.setLineDash(DASH.map((length) => length * ratio));
  ctx.globalAlpha = isDashed ? 0.8 : 1;
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
  return newest < 0 ? null : { x, y };
}

/**
 * The pen's number at the end of its line, so that nobody has to tell sixteen colors apart.
 * @param {Pen} pen
 * @param {{x: number, y: number}} at
 * @param {string} number
 * @param {string} font
 * @param {string} ground
 */
export function drawNumber({ ctx, left, top, height, color, ratio }, at, number, font, ground) {
  ctx.font = font.replace(/^\d+px/, `${11 * ratio}px`);
  const width = ctx.measureText(number).width + 6 * ratio;
  const tall = 14 * ratio;
  const x = Math.max(at.x - width - 4 * ratio, left);
  const y = Math.min(Math.max(at.y - tall / 2, top), top + height - tall);
  ctx.fillStyle = ground;
  ctx.strokeStyle = color;
  ctx.lineWidth = ratio;
  ctx.fillRect(x, y, width, tall);
  ctx.strokeRect(x + 0.5, y + 0.5, width - 1, tall - 1);
  ctx.fillStyle = color;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(number, x + width / 2, y + tall / 2 + ratio / 2);
}

/**
 * A strip where the quality was bad: high where invalid, half as high where questionable. False where there is none.
 * @param {Pen} pen
 * @param {import("./trend-columns.js").Columns} columns
 * @param {number} row how many strips are below
 * @param {string} color
 */
export function drawStrip({ ctx, left, top, height, ratio }, { severity }, row, color) {
  const y = Math.round(top + height - (row + 1) * (STRIP + 1) * ratio);
  let isDrawn = false;
  ctx.fillStyle = color;
  for (let column = 0; column < severity.length; column += 1) {
    if (severity[column] === 0 || severity[column] === 255) continue;
    isDrawn = true;
    const isInvalid = severity[column] === 2;
    ctx.fillRect(left + column, isInvalid ? y : y + (STRIP / 2) * ratio, Math.max(1, ratio), (isInvalid ? STRIP : STRIP / 2) * ratio);
  }
  return isDrawn;
}

/**
 * Marks of events at the top of the plot; those that matter more are longer.
 * @param {import("./uplot.js").UPlot} u
 * @param {{time: number, weight: number}[]} events
 * @param {string} quiet
 * @param {string} strong
 * @param {number} ratio
 */
export function drawEvents(u, events, quiet, strong, ratio) {
  const { ctx, bbox } = u;
  for (const { time, weight } of events) {
    const x = Math.round(u.valToPos(time / 1e6, "x", true));
    const size = (weight > 0.5 ? 5 : 4) * ratio;
    ctx.fillStyle = weight > 0.5 ? strong : quiet;
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top);
    ctx.lineTo(x + size, bbox.top);
    ctx.lineTo(x, bbox.top + size * 1.6);
    ctx.fill();
    ctx.globalAlpha = weight > 0.5 ? 0.22 : 0.12;
    ctx.fillRect(x, bbox.top, ratio, bbox.height);
    ctx.globalAlpha = 1;
  }
}

/**
 * A band of states below the plot: filled where closed or on, hollow where open or off, hatched where it is neither.
 * @param {import("./uplot.js").UPlot} u
 * @param {import("./types.js").Point} point
 * @param {import("./trend-columns.js").Columns} columns
 * @param {number} row
 * @param {number} hold columns for which a state lasts without news
 * @param {number} until
 * @param {{color: string, ground: string, text: string, quality: string, font: string, number: string, isHidden: boolean}} look
 */
export function drawBand(u, point, columns, row, hold, until, look) {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  const top = Math.round(bbox.top + bbox.height + (6 + row * BAND) * ratio);
  const tall = Math.round((BAND - 5) * ratio);
  ctx.save();
  ctx.font = look.font.replace(/^\d+px/, `${11 * ratio}px`);
  ctx.textBaseline = "middle";
  ctx.textAlign = "right";
  ctx.fillStyle = look.color;
  ctx.fillText(`${look.number} ${point.name}`.slice(0, Math.max(4, Math.floor((bbox.left / ratio - 16) / 7))), bbox.left - 8 * ratio, top + tall / 2);
  ctx.beginPath();
  ctx.rect(bbox.left, top, bbox.width, tall);
  ctx.clip();
  ctx.textAlign = "left";
  for (const { first, last, state, severity } of look.isHidden ? [] : stretches(columns, hold, until)) {
    const x = bbox.left + first;
    const width = last - first + 1;
    const name = Number.isNaN(state) ? "changing" : stateOf(point, state);
    const isOn = name === "closed" || name === "on";
    const isNeither = name === "intermediate" || name === "bad" || name === "changing";
    ctx.fillStyle = look.color;
    ctx.globalAlpha = isOn ? 0.9 : isNeither ? 0.5 : 0.16;
    ctx.fillRect(x, top, width, tall);
    ctx.globalAlpha = 1;
    if (!isOn) {
      ctx.fillRect(x, top, width, ratio);
      ctx.fillRect(x, top + tall - ratio, width, ratio);
    }
    ctx.fillRect(x, top, ratio, tall);
    if (isNeither && width > 3) hatch(ctx, x, top, width, tall, look.ground, ratio);
    if (severity) {
      ctx.fillStyle = look.quality;
      const strip = (severity === 2 ? STRIP : STRIP / 2) * ratio;
      ctx.fillRect(x, top + tall - strip, width, strip);
    }
    if (width > ctx.measureText(name).width + 10 * ratio && name !== "changing") {
      ctx.fillStyle = isOn ? look.ground : look.text;
      ctx.fillText(name, x + 5 * ratio, top + tall / 2 + ratio / 2);
    }
  }
  ctx.restore();
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} tall
 * @param {string} color
 * @param {number} ratio
 */
function hatch(ctx, x, y, width, tall, color, ratio) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, tall);
  ctx.clip();
  ctx.beginPath();
  for (let at = x - tall; at < x + width; at += 5 * ratio) {
    ctx.moveTo(at, y + tall);
    ctx.lineTo(at + tall, y);
  }
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.5 * ratio;
  ctx.stroke();
  ctx.restore();
}
