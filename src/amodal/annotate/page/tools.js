// Brush, eraser and polygon, and the box of a new object: from where the pointer is to shapes.

import { Corners } from "./corners.js";
import { Polygon, Stroke } from "./shapes.js";

const SIZES = [2, 250]; // of the brush, CSS pixels
const NEAR_PX = 9; // of a corner: it is moved; the first one, pressed alone, closes
const NEAR_TOUCH_PX = 18; // likewise, of a finger
const MOVED_PX = 3; // what is less was a press
const TWICE_MS = 400;
const LEAST_PX = 4; // of a box, CSS pixels: what is smaller was a slip of the hand

export class Tools {
  name = "brush";
  takes = false; // the polygon takes away
  size = 28;
  frame = null; // of the box that is dragged: two corners
  #corners = new Corners(); // of the open polygon
  #pressed = null; // { at, point, moved } on a corner of it
  #stroke = null;
  #last = { time: 0, at: [0, 0] };

  /**
   * `done(shape)` gets each finished shape, `boxed(box)` each box of a new object, `reboxed(box)` each that `box()`, of the
   * open one, is to be; `small()` is called when one is none, `changed()` when there is something new, `hush()` when what
   * was said before is no longer so: a stroke begins, a polygon is closed or dropped.
   */
  constructor(view, { done, boxed, reboxed, box, small, changed, hush = () => {} }) {
    Object.assign(this, { view, done, boxed, reboxed, box, small, changed, hush });
  }

  /** Corners of the open polygon, picture pixels. */
  get corners() {
    return this.#corners.list;
  }

  choose(name, takes = false) {
    if (name !== this.name || takes !== this.takes) {
      this.finish();
      this.drop();
    }
    this.name = name;
    this.takes = takes;
    this.changed();
  }

  resize(size) {
    this.size = Math.round(Math.min(SIZES[1], Math.max(SIZES[0], size)));
    this.changed();
  }

  /** A step that feels alike for small brushes and large ones. */
  step(sign) {
    const next = this.size * 1.18 ** sign;
    this.resize(sign > 0 ? Math.max(this.size + 1, next) : Math.min(this.size - 1, next));
  }

  get busy() {
    return this.#stroke !== null || this.frame !== null || this.#pressed !== null;
  }

  get open() {
    return this.#corners.open;
  }

  /** Whether the polygon that is open has been drawn before. */
  get reopened() {
    return this.open && this.#corners.reopened;
  }

  /** Whether a step of the open polygon's corners can be taken back. */
  get canUndo() {
    return this.#corners.canUndo;
  }

  get boxes() {
    return this.name === "box" || this.name === "rebox";
  }

  /** What would be drawn if the pointer were lifted now. */
  get live() {
    if (this.#stroke) return this.#stroke;
    if (this.corners.length < 2) return null;
    return new Polygon(this.#corners.erase, this.to ? [...this.corners, this.to] : this.corners);
  }

  down(at, { erase, shift, time, touch = false }) {
    const point = this.view.toPicture(at);
    if (this.name === "polygon") return this.#corner(at, point, { shift, time, touch });
    if (this.boxes) return this.#span([this.#opposite(at, touch) ?? point, point]);
    this.hush();
    this.#stroke = new Stroke(erase || this.name === "eraser", this.size / this.view.scale, point);
    this.changed();
  }

  move(points) {
    const last = this.view.toPicture(points.at(-1));
    this.to = this.open && !this.#pressed ? last : null;
    if (this.#pressed) this.#moveCorner(points.at(-1), last);
    if (this.frame) this.#span([this.frame[0], last]);
    if (this.#stroke) for (const at of points) this.#stroke.add(this.view.toPicture(at));
    if (this.#stroke || this.open) this.changed();
  }

  #span(frame) {
    this.frame = frame;
    this.changed();
  }

  up() {
    if (this.#pressed) return this.#released(this.#pressed);
    if (this.frame) return this.#box(this.frame);
    const stroke = this.#stroke;
    this.#stroke = null;
    if (stroke) this.done(stroke);
    this.changed();
  }

  /** Ends the stroke that is being drawn, or the corner's move, as if the pointer were lifted now. */
  finish() {
    if (this.#stroke || this.#pressed?.moved) this.up();
  }

  /** The corner across from the one of the open object's box that is pressed, or null. */
  #opposite(at, touch) {
    if (this.name !== "rebox") return null;
    const [x1, y1, x2, y2] = this.box();
    const found = this.#nearest(at, [[x1, y1], [x2, y1], [x2, y2], [x1, y2]], touch);
    return found < 0 ? null : [[x2, y2], [x1, y2], [x1, y1], [x2, y1]][found];
  }

  /** Which of some points of the picture is pressed; -1: none. */
  #nearest(at, points, touch) {
    const apart = points.map((one) => distance(at, this.view.toScreen(one)));
    const least = Math.min(...apart);
    return least < (touch ? NEAR_TOUCH_PX : NEAR_PX) ? apart.indexOf(least) : -1;
  }

  #box([[ax, ay], [bx, by]]) {
    const { width, height } = this.view.picture;
    const within = (value, most) => Math.min(most, Math.max(0, value));
    const [x1, x2] = [ax, bx].map((x) => within(x, width)).sort((a, b) => a - b);
    const [y1, y2] = [ay, by].map((y) => within(y, height)).sort((a, b) => a - b);
    this.frame = null;
    const isMeant = Math.min(x2 - x1, y2 - y1) * this.view.scale >= LEAST_PX && Math.min(x2 - x1, y2 - y1) >= 2;
    if (!isMeant) {
      this.small();
      return this.changed();
    }
    const boxed = this.name === "rebox" ? this.reboxed : this.boxed;
    this.choose("brush");
    boxed([x1, y1, x2, y2].map((value) => Math.round(100 * value) / 100));
  }

  #corner(at, point, { shift, time, touch }) {
    const twice = time - this.#last.time < TWICE_MS && distance(at, this.#last.at) < 5;
    this.#last = { time, at };
    if (twice) return this.corners.length > 2 && this.close();
    const held = this.#nearest(at, this.corners, touch);
    if (held < 0) return this.#set(point, shift);
    this.#corners.hold(held);
    this.#pressed = { at, point, held, shift, moved: false };
    this.to = null;
    this.changed();
  }

  #set(point, shift) {
    if (!this.open) this.#corners.begin([], this.takes !== shift);
    this.#corners.add(point);
    this.to = null;
    this.changed();
  }

  /** Whether a press would take hold of a corner of the open polygon. */
  isAtCorner(at, touch) {
    return this.#nearest(at, this.corners, touch) >= 0;
  }

  #moveCorner(at, point) {
    this.#pressed.moved ||= distance(at, this.#pressed.at) > MOVED_PX;
    if (!this.#pressed.moved) return;
    this.#corners.move(point);
    this.#last.time = 0;
  }

  #released({ point, held, shift, moved }) {
    this.#pressed = null;
    this.#corners.release();
    if (moved) return this.changed();
    if (held === 0 && this.corners.length > 2) return this.close();
    this.#set(point, shift); // close to another one
  }

  /** Makes the polygon's corners a shape. */
  close() {
    this.finish();
    const shape = this.corners.length > 2 ? new Polygon(this.#corners.erase, this.corners) : null;
    this.#end();
    this.#last.time = 0;
    if (shape) this.done(shape);
    this.changed();
  }

  /** Opens a polygon again, to move its corners. */
  reopen({ points, erase }) {
    this.choose("polygon", erase);
    this.#corners.begin(points, erase);
    this.changed();
  }

  removeCorner() {
    this.#pressed = null;
    this.#corners.removeLast();
    this.changed();
  }

  /** Takes back the last step of the open polygon's corners, or makes it again. */
  undo() {
    this.#pressed = null;
    this.#corners.undo();
    this.changed();
  }

  redo() {
    this.#pressed = null;
    this.#corners.redo();
    this.changed();
  }

  /** Gives up what the pointer is at: a stroke, a box, the move of a corner. The other corners stay. */
  cancel() {
    this.#stroke = this.frame = this.#pressed = null;
    this.#corners.restore();
    this.changed();
  }

  /** Gives up all that is being drawn. */
  drop() {
    this.#end();
    this.changed();
  }

  #end() {
    if (this.open) this.hush();
    this.#stroke = this.frame = this.#pressed = this.to = null;
    this.#corners.begin();
  }
}

const distance = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);
