// The corners of a polygon that is open: set, moved, taken back. Each step can be undone until it is closed.

export class Corners {
  list = []; // [[x, y], ...] in picture pixels; never changed in place
  erase = false; // what the polygon will do
  reopened = false; // it has been drawn before
  #past = [];
  #future = [];
  #held = null; // { index, before }: the corner that is being moved, and the list before that

  get open() {
    return this.list.length > 0;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  /** Index of the corner that is being moved, or null. */
  get held() {
    return this.#held?.index ?? null;
  }

  /** Begins with some corners, or none; what they were before is forgotten. */
  begin(list = [], erase = false) {
    Object.assign(this, { list, erase, reopened: list.length > 0 });
    this.#past = [];
    this.#future = [];
    this.#held = null;
  }

  add(point) {
    this.#step([...this.list, point]);
  }

  removeLast() {
    this.release();
    this.#step(this.list.slice(0, -1));
  }

  /** Takes hold of a corner, to move it. */
  hold(index) {
    this.#held = { index, before: this.list };
  }

  move(point) {
    const { index, before } = this.#held;
    this.list = before.map((corner, i) => (i === index ? point : corner));
  }

  /** Lets go of it where it is; whether it has been moved. */
  release() {
    const before = this.#held?.before ?? this.list;
    this.#held = null;
    const after = this.list;
    if (after === before) return false;
    this.list = before;
    this.#step(after);
    return true;
  }

  /** Lets go of it where it was. */
  restore() {
    this.list = this.#held?.before ?? this.list;
    this.#held = null;
  }

  undo() {
    this.restore();
    if (this.#past.length) this.#future.push(this.list);
    this.list = this.#past.pop() ?? [];
  }

  redo() {
    this.restore();
    if (!this.#future.length) return;
    this.#past.push(this.list);
    this.list = this.#future.pop();
  }

  #step(list) {
    this.#past.push(this.list);
    this.#future = [];
    this.list = list;
  }
}
