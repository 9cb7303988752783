// Masks as bits. A mask canvas is white where it is and clear elsewhere, so the top bit of a pixel's alpha is its bit.

const BAND_PX = 1 << 20;

/** A canvas nobody sees, for pixels that are read back. */
export function pixels(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext("2d", { willReadFrequently: true });
}

/** The rectangle in strips of at most a million pixels, so that large pictures need little memory at a time. */
export function* bands({ x, y, width, height }) {
  const rows = Math.max(1, Math.floor(BAND_PX / Math.max(1, width)));
  for (let top = 0; top < height; top += rows) {
    yield { x, y: y + top, width, height: Math.min(rows, height - top) };
  }
}

/** Draws inside a strip, makes what came of it black or white, and returns what changed, or null. */
export function change(context, band, draw) {
  const { x, y, width, height } = band;
  const before = new Uint32Array(context.getImageData(x, y, width, height).data.buffer);
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  draw(context);
  context.restore();
  const after = context.getImageData(x, y, width, height);
  const words = new Uint32Array(after.data.buffer);
  const bits = new Uint8Array((words.length + 7) >> 3);
  let changed = false;
  let grown = 0;
  for (let i = 0; i < words.length; i++) {
    const is = words[i] >>> 31;
    const was = before[i] >>> 31;
    words[i] = is ? 0xffffffff : 0;
    if (is !== was) {
      bits[i >> 3] |= 1 << (i & 7);
      grown += is - was;
      changed = true;
    }
  }
  context.putImageData(after, x, y);
  return changed ? { ...band, bits, grown } : null;
}

/** Turns the changed pixels of a strip over: takes the change back, or makes it again. */
export function flip(context, { x, y, width, height, bits }) {
  const image = context.getImageData(x, y, width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < words.length; i++) {
    if (bits[i >> 3] & (1 << (i & 7))) words[i] = words[i] ? 0 : 0xffffffff;
  }
  context.putImageData(image, x, y);
}

/** How many pixels some masks cover together; lets the page breathe between the strips of a large picture. */
export async function area(width, height, bitmaps) {
  let found = 0;
  for (const band of bands({ x: 0, y: 0, width, height })) {
    const context = pixels(band.width, band.height);
    for (const one of bitmaps) context.drawImage(one, 0, -band.y);
    const words = new Uint32Array(context.getImageData(0, 0, band.width, band.height).data.buffer);
    for (const word of words) found += word >>> 31;
    if (width * height > BAND_PX) await new Promise((go) => setTimeout(go));
  }
  return found;
}
