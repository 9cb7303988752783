// Brush, eraser and polygon, and the box of a new object: from where the pointer is to shapes.

import { Polygon, Stroke } from "./shapes.js";

const SIZES = [2, 250]; // of the brush, CSS pixels
const NEAR_PX = 9; // of the first corner: closes
const TWICE_MS = 400;
const LEAST_PX = 4; // of a box, CSS pixels: what is smaller was a slip of the hand

export class Tools {
  name = "brush";
  takes = false; // the polygon takes away
  size = 28;
  corners = [];
  frame = null; // of the new object's box: two corners
  #erase = false; // what the open polygon does
  #stroke = null;
  #last = { time: 0, at: [0, 0] };

  /**
   * `done(shape)` gets each finished shape, `boxed(box)` each box; `small()` is called when one is none, `changed()` when
   * there is something new.
   */
  constructor(view, { done, boxed, small, changed }) {
    Object.assign(this, { view, done, boxed, small, changed });
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
    return this.#stroke !== null || this.frame !== null;
  }

  get open() {
    return this.corners.length > 0;
  }

  /** What would be drawn if the pointer were lifted now. */
  get live() {
    if (this.#stroke) return this.#stroke;
    if (this.corners.length < 2) return null;
    return new Polygon(this.#erase, this.to ? [...this.corners, this.to] : this.corners);
  }

  down(at, { erase, shift, time }) {
    const point = this.view.toPicture(at);
    if (this.name === "polygon") return this.#corner(at, point, shift, time);
    if (this.name === "box") return this.#span([point, point]);
    this.#stroke = new Stroke(erase || this.name === "eraser", this.size / this.view.scale, point);
    this.changed();
  }

  move(points) {
    const last = this.view.toPicture(points.at(-1));
    this.to = this.open ? last : null;
    if (this.frame) this.#span([this.frame[0], last]);
    if (this.#stroke) for (const at of points) this.#stroke.add(this.view.toPicture(at));
    if (this.#stroke || this.open) this.changed();
  }

  #span(frame) {
    this.frame = frame;
    this.changed();
  }

  up() {
    if (this.frame) return this.#box(this.frame);
    const stroke = this.#stroke;
    this.#stroke = null;
    if (stroke) this.done(stroke);
    this.changed();
  }

  /** Ends the stroke that is being drawn, as if the pointer were lifted now. */
  finish() {
    if (this.#stroke) this.up();
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
    this.choose("brush");
    this.boxed([x1, y1, x2, y2].map((value) => Math.round(100 * value) / 100));
  }

  #corner(at, point, shift, time) {
    const twice = time - this.#last.time < TWICE_MS && distance(at, this.#last.at) < 5;
    this.#last = { time, at };
    if (this.corners.length > 2 && (twice || distance(at, this.view.toScreen(this.corners[0])) < NEAR_PX)) {
      return this.close();
    }
    if (twice) return;
    if (!this.open) this.#erase = this.takes !== shift;
    this.corners.push(point);
    this.to = null;
    this.changed();
  }

  /** Makes the polygon's corners a shape. */
  close() {
    const shape = this.corners.length > 2 ? new Polygon(this.#erase, this.corners) : null;
    this.corners = [];
    this.to = null;
    this.#last.time = 0;
    if (shape) this.done(shape);
    this.changed();
  }

  removeCorner() {
    this.corners.pop();
    this.changed();
  }

  /** Gives up what is being drawn. */
  drop() {
    this.#stroke = null;
    this.corners = [];
    this.frame = null;
    this.to = null;
    this.changed();
  }
}

const distance = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);
