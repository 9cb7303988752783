// Brush, eraser and polygon: from where the pointer is to shapes.

import { Polygon, Stroke } from "./shapes.js";

const SIZES = [2, 250]; // of the brush, CSS pixels
const NEAR_PX = 9; // of the first corner: closes
const TWICE_MS = 400;

export class Tools {
  name = "brush";
  takes = false; // the polygon takes away
  size = 28;
  corners = [];
  #erase = false; // what the open polygon does
  #stroke = null;
  #last = { time: 0, at: [0, 0] };

  /** `done(shape)` gets each finished shape, `changed()` is called when there is something new to be seen. */
  constructor(view, { done, changed }) {
    this.view = view;
    this.done = done;
    this.changed = changed;
  }

  choose(name, takes = false) {
    if (name !== this.name || takes !== this.takes) this.drop();
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
    return this.#stroke !== null;
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
    this.#stroke = new Stroke(erase || this.name === "eraser", this.size / this.view.scale, point);
    this.changed();
  }

  move(points) {
    const last = this.view.toPicture(points.at(-1));
    this.to = this.open ? last : null;
    if (this.#stroke) for (const at of points) this.#stroke.add(this.view.toPicture(at));
    if (this.#stroke || this.open) this.changed();
  }

  up() {
    const stroke = this.#stroke;
    this.#stroke = null;
    if (stroke) this.done(stroke);
    this.changed();
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
    this.to = null;
    this.changed();
  }
}

const distance = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);
