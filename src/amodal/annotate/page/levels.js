// A picture, and smaller copies of it, so that a large one is quick to paint when it is seen small.

const SMALL_PX = 2_000_000;

export class Levels {
  constructor(bitmap) {
    this.bitmaps = [bitmap];
    this.width = bitmap.width;
    this.height = bitmap.height;
  }

  /** Makes the smaller copies; the picture can be painted meanwhile. */
  async shrink() {
    for (;;) {
      const last = this.bitmaps.at(-1);
      if (last.width * last.height < SMALL_PX) return this;
      const size = { resizeWidth: Math.ceil(last.width / 2), resizeHeight: Math.ceil(last.height / 2) };
      this.bitmaps.push(await createImageBitmap(last, { ...size, resizeQuality: "high" }));
    }
  }

  /** The smallest copy that is still sharp at a scale. */
  level(scale) {
    return this.bitmaps.findLast((one) => one.width >= this.width * Math.min(1, scale)) ?? this.bitmaps[0];
  }
}
