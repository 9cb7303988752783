// The whole mask of one object while it is drawn: a canvas of the picture's size, its steps, and its size in pixels.

import { area, bands, change, flip, pixels } from "./bits.js";
import { History } from "./history.js";
import { reach } from "./reach.js";
import { fill } from "./shapes.js";

const LARGE_PX = 4_000_000;

export class Drawing {
  history = new History();
  version = 0; // grows with each change: what was painted from an older one is stale
  start = "blank"; // what the drawing began from
  waiting = true; // for a mask
  asked = false; // for another one to start from
  others = null; // where the other objects are seen, once that has been shown
  counted = null; // pixels of the mask it began with, once counted
  grown = 0; // pixels more than that
  visibleCount = null;

  constructor(object, picture, visible) {
    this.object = object;
    this.revision = object.revision; // of the answer it goes on from
    this.picture = { width: picture.width, height: picture.height };
    this.visible = visible;
    this.context = pixels(picture.width, picture.height);
    this.saved = this.history.top;
  }

  get canvas() {
    return this.context.canvas;
  }

  get everything() {
    return { x: 0, y: 0, width: this.picture.width, height: this.picture.height };
  }

  /** Changed since it was last saved, or since it was opened. */
  get dirty() {
    return this.history.top !== this.saved;
  }

  /** Pixels of the mask, or null while they are counted. */
  get count() {
    return this.counted === null ? null : this.counted + this.grown;
  }

  /** Share of the whole that is hidden, or null where it is not known. */
  get hidden() {
    if (!this.visible || !this.count || this.visibleCount === null) return null;
    return Math.max(0, 1 - this.visibleCount / this.count);
  }

  /** The mask it begins with; not a step, nothing to undo. */
  async begin(bitmap, start) {
    const { width, height } = this.picture;
    const masks = [bitmap, this.visible].filter(Boolean);
    this.start = start;
    this.context.clearRect(0, 0, width, height);
    for (const one of masks) this.context.drawImage(one, 0, 0);
    this.version += 1;
    this.counted = null;
    await this.#tally(masks);
  }

  /** Counts again what was put away while it was counted. */
  async recount() {
    if (this.count !== null && (!this.visible || this.visibleCount !== null)) return;
    const { grown } = this;
    const now = await createImageBitmap(this.canvas); // what is drawn meanwhile is not in it
    await this.#tally([now], grown);
    now.close();
  }

  /** Counts some masks, which together are what the drawing was when it had grown by so much. */
  async #tally(masks, grown = 0) {
    const { width, height } = this.picture;
    const serial = (this.counting = {});
    try {
      const found = await area(width, height, masks);
      if (this.visible && this.visibleCount === null) this.visibleCount = await area(width, height, [this.visible]);
      if (this.counting === serial) this.counted = found - grown;
    } catch {
      // its masks were closed: it has been put away
    }
  }

  /** The box of the mask, or null where it is empty. */
  reach() {
    return reach(this.context, this.picture.width, this.picture.height);
  }

  /** Draws a shape into the mask, as one step. */
  draw(shape) {
    const box = shape.bounds();
    const x = Math.max(0, Math.floor(box.x1));
    const y = Math.max(0, Math.floor(box.y1));
    const width = Math.min(this.picture.width, Math.ceil(box.x2)) - x;
    const height = Math.min(this.picture.height, Math.ceil(box.y2)) - y;
    if (width <= 0 || height <= 0) return false;
    return this.#step({ x, y, width, height }, this.start, (context) => fill(context, shape));
  }

  /** Puts another mask in place of this one, as one step. */
  replace(bitmap, start) {
    return this.#step(this.everything, start, (context) => {
      context.clearRect(0, 0, this.picture.width, this.picture.height);
      context.drawImage(bitmap, 0, 0);
    });
  }

  #step(rect, start, paint) {
    const withVisible = (context) => {
      paint(context);
      context.globalCompositeOperation = "source-over";
      if (this.visible) context.drawImage(this.visible, 0, 0); // what is seen cannot be rubbed out
    };
    const pieces = [...bands(rect)].map((band) => change(this.context, band, withVisible)).filter(Boolean);
    if (!pieces.length && start === this.start) return false;
    const step = { pieces, from: this.start, to: start, grown: pieces.reduce((sum, piece) => sum + piece.grown, 0) };
    this.history.add(step);
    this.start = start;
    this.grown += step.grown;
    this.version += 1;
    return true;
  }

  undo() {
    return this.#turn(this.history.back(), -1);
  }

  redo() {
    return this.#turn(this.history.forth(), 1);
  }

  #turn(step, sign) {
    if (!step) return false;
    for (const piece of step.pieces) flip(this.context, piece);
    this.start = sign > 0 ? step.to : step.from;
    this.grown += sign * step.grown;
    this.version += 1;
    return true;
  }

  /** Put away: if it is large, it keeps a PNG in place of its canvas. */
  async rest() {
    if (this.asked || this.picture.width * this.picture.height < LARGE_PX) return;
    const resting = (this.resting = {});
    const png = await this.png().catch(() => null);
    if (!png || this.resting !== resting) return;
    this.stored = png;
    for (const one of [this.visible, this.others]) one?.close();
    this.context = this.others = null;
  }

  /** Taken up again; `seen()` promises the `visible` of the object. */
  async wake(seen) {
    this.resting = null;
    if (this.context) return;
    const [bitmap, visible] = await Promise.all([createImageBitmap(this.stored), seen()]);
    this.visible = visible;
    this.context = pixels(this.picture.width, this.picture.height);
    this.context.drawImage(bitmap, 0, 0);
    this.version += 1;
  }

  /** The mask as a PNG; later strokes are not in it. */
  png() {
    return new Promise((done, failed) => {
      this.canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("no PNG"))), "image/png");
    });
  }
}
