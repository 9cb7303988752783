// The whole mask of one object while it is drawn: a canvas of the picture's size, its steps, and its size in pixels.

import { area, bands, change, flip, pixels } from "./bits.js";
import { History } from "./history.js";
import { reach } from "./reach.js";
import { fill, Polygon } from "./shapes.js";

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
    this.saved = this.history.mark;
  }

  get canvas() {
    return this.context.canvas;
  }

  get everything() {
    return { x: 0, y: 0, width: this.picture.width, height: this.picture.height };
  }

  /** Changed since it was last saved, or since it was opened; the draft of a corrected box is no change of one's own. */
  get dirty() {
    return this.history.mark !== this.saved;
  }

  /** Whether the object has an answer, or one is on its way. */
  get isAnswered() {
    return this.object.state !== "todo" || Boolean(this.object.saving || this.object.failed);
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
    const polygon = shape instanceof Polygon ? shape : null; // strokes are many points, and not opened again
    return this.#step({ x, y, width, height }, this.start, (context) => fill(context, shape), polygon);
  }

  /** Puts another mask in place of this one, as one step. */
  replace(bitmap, start) {
    return this.#step(this.everything, start, this.#whole(bitmap));
  }

  #whole(bitmap) {
    return (context) => {
      context.clearRect(0, 0, this.picture.width, this.picture.height);
      context.drawImage(bitmap, 0, 0);
    };
  }

  /** Takes note of a box that was corrected, `from` the one before, as one step: it is saved, and changes no pixel. */
  reframe(from, to) {
    this.history.add({ pieces: [], from: this.start, to: this.start, grown: 0, boxes: [from, to] });
  }

  /** Puts the draft of a corrected box in place of this mask, as part of that step; false where it is not the last one. */
  redraft(step, bitmap, start) {
    const { dirty, history } = this;
    if (history.top !== step) return false;
    const pieces = this.#change(this.everything, this.#whole(bitmap));
    history.back();
    this.#note({ ...step, pieces, to: start, drafted: true });
    if (!dirty) this.saved = history.mark;
    return true;
  }

  #step(rect, start, paint, polygon = null) {
    const pieces = this.#change(rect, paint);
    if (!pieces.length && start === this.start) return false;
    this.#note({ pieces, from: this.start, to: start, polygon });
    return true;
  }

  /** Paints into a rectangle of the mask; what has changed, bit by bit. */
  #change(rect, paint) {
    const withVisible = (context) => {
      paint(context);
      context.globalCompositeOperation = "source-over";
      if (this.visible) context.drawImage(this.visible, 0, 0); // what is seen cannot be rubbed out
    };
    return [...bands(rect)].map((band) => change(this.context, band, withVisible)).filter(Boolean);
  }

  /** Takes note of a step that has been made. */
  #note(step) {
    step.grown = step.pieces.reduce((sum, piece) => sum + piece.grown, 0);
    this.history.add(step);
    this.start = step.to;
    this.grown += step.grown;
    this.version += 1;
  }

  /** The polygon that was drawn last, if nothing has been drawn after it; or null. */
  get polygon() {
    return (this.history.canUndo && this.history.top.polygon) || null;
  }

  /** Takes the last step back, or makes it again. Returns it, or null; what it `boxes` is left to the caller. */
  undo() {
    return this.#turn(this.dirty, this.history.back(), -1);
  }

  redo() {
    return this.#turn(this.dirty, this.history.forth(), 1);
  }

  #turn(wasDirty, step, sign) {
    if (!step) return null;
    if (step.boxes && !wasDirty && !this.isAnswered) this.saved = this.history.mark; // another draft, nothing of one's own
    for (const piece of step.pieces) flip(this.context, piece);
    this.start = sign > 0 ? step.to : step.from;
    this.grown += sign * step.grown;
    this.version += 1;
    return step;
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
