/**
 * Decodes the binary frames of the live feed; the layout is in docs/reference/web.md.
 * @module
 */

const HEADER_BYTES = 24;
const BYTES_PER_VALUE = 22;
const MAGIC = 0x31464c54; // "TLF1", little-endian
const VERSION = 1;

export const SNAPSHOT = 1;
export const CHANGES = 2;

/**
 * @typedef {object} Frame
 * @property {number} kind SNAPSHOT or CHANGES
 * @property {number} subscription which subscription of this connection it answers, from 1
 * @property {number} now the server's time, microseconds
 * @property {number} count
 * @property {Float64Array} time microseconds; 0 where nothing was ever heard
 * @property {Float64Array} value
 * @property {Uint32Array} point
 * @property {Uint16Array} quality
 */

/**
 * The frame's columns, over the buffer's own memory.
 * @param {ArrayBuffer} buffer
 * @returns {Frame}
 * @throws {RangeError} where the bytes are no frame
 */
export function decodeFrame(buffer) {
  if (buffer.byteLength < HEADER_BYTES) throw new RangeError("the frame is shorter than its header");
  const header = new DataView(buffer, 0, HEADER_BYTES);
  if (header.getUint32(0, true) !== MAGIC || header.getUint8(4) !== VERSION) {
    throw new RangeError("this is no live frame of a known version");
  }
  const count = header.getUint32(8, true);
  if (buffer.byteLength !== HEADER_BYTES + count * BYTES_PER_VALUE) {
    throw new RangeError("the frame's length does not match its count");
  }
  return {
    kind: header.getUint8(5),
    subscription: header.getUint32(12, true),
    now: header.getFloat64(16, true),
    count,
    time: new Float64Array(buffer, HEADER_BYTES, count),
    value: new Float64Array(buffer, HEADER_BYTES + 8 * count, count),
    point: new Uint32Array(buffer, HEADER_BYTES + 16 * count, count),
    quality: new Uint16Array(buffer, HEADER_BYTES + 20 * count, count),
  };
}
