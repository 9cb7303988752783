// How far a drawing reaches: whether it leaves out some of the box in which its object is seen.

import { bands } from "./bits.js";

const ROOM_PX = 2; // as `amodal check` has it, for what it calls box-in-box
const ROOM_FRAC = 0.05; // of the side of the whole

/** The box [x1, y1, x2, y2] of a mask, or null where it is empty. */
export function reach(context, width, height) {
  let found = null;
  for (const band of bands({ x: 0, y: 0, width, height })) {
    const words = new Uint32Array(context.getImageData(band.x, band.y, band.width, band.height).data.buffer);
    for (let i = 0; i < words.length; i++) {
      if (!(words[i] >>> 31)) continue;
      const x = i % width;
      const y = band.y + (i - x) / width;
      found ??= [x, y, x + 1, y + 1];
      if (x < found[0]) found[0] = x;
      if (x >= found[2]) found[2] = x + 1;
      found[3] = y + 1;
    }
  }
  return found;
}

/** How many pixels a box goes beyond that of the whole, where that is more than any hand is off; else 0. */
export function leftOut([x1, y1, x2, y2], whole) {
  const room = (side) => Math.max(ROOM_PX, ROOM_FRAC * side);
  const beyond = [Math.max(whole[0] - x1, x2 - whole[2]), Math.max(whole[1] - y1, y2 - whole[3])];
  const off = beyond.filter((one, k) => one > room(whole[k + 2] - whole[k]));
  return off.length ? Math.ceil(Math.max(...off)) : 0;
}
