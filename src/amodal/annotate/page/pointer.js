// Mouse, pen and fingers on the canvas: one draws; space, the middle button or two fingers move; the wheel zooms.

export class Pointer {
  space = false;
  at = null; // where the pointer is over the canvas, CSS pixels
  #touches = new Map();
  #drag = null;
  #drawing = null; // id of the pointer that draws
  #corner = null; // what a finger sets when it is lifted, if no second one comes

  /** `can()` says whether drawing is possible now; `moved()` and `seen()`: the view has changed, the pointer has. */
  constructor(element, view, tools, { can, moved, seen }) {
    Object.assign(this, { element, view, tools, can, moved, seen });
    const on = (type, act) => element.addEventListener(type, act, { passive: false });
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", (event) => this.#up(event, true));
    on("pointerleave", () => this.#see(null));
    on("contextmenu", (event) => event.preventDefault());
    on("wheel", (event) => this.#wheel(event));
  }

  get panning() {
    return this.space || this.#drag !== null;
  }

  #point(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #see(at) {
    this.at = at;
    this.seen();
  }

  #down(event) {
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const at = this.#point(event);
    if (event.pointerType === "touch") {
      this.#touches.set(event.pointerId, at);
      if (this.#touches.size === 2) {
        if (this.tools.busy) this.tools.cancel();
        this.#drawing = this.#corner = null;
        return;
      }
      if (this.#touches.size > 2) return;
    }
    if (event.button === 1 || this.space) {
      this.#drag = { id: event.pointerId, at };
      return this.#see(at);
    }
    if (this.#drawing !== null || !this.can()) return;
    this.#drawing = event.pointerId;
    const erase = event.button === 2 || event.button === 5; // the right button, the other end of a pen
    const touch = event.pointerType === "touch";
    const how = { erase, shift: event.shiftKey, time: event.timeStamp, touch };
    if (touch && this.tools.name === "polygon" && !this.tools.isAtCorner(at, touch)) this.#corner = how;
    else this.tools.down(at, how);
    this.#see(at);
  }

  #move(event) {
    const at = this.#point(event);
    if (this.#touches.has(event.pointerId) && this.#touches.size > 1) return this.#pinch(event.pointerId, at);
    if (this.#drag?.id === event.pointerId) {
      this.view.move(at[0] - this.#drag.at[0], at[1] - this.#drag.at[1]);
      this.#drag.at = at;
      this.moved();
    } else if (this.#drawing === null || this.#drawing === event.pointerId) {
      const all = event.getCoalescedEvents?.() ?? [];
      this.tools.move(all.length ? all.map((one) => this.#point(one)) : [at]);
    }
    this.#see(at);
  }

  #pinch(id, at) {
    const [[other, still]] = [...this.#touches].filter(([one]) => one !== id);
    const before = this.#touches.get(id);
    const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const [from, to] = [middle(before, still), middle(at, still)];
    const apart = (a, b) => Math.max(10, Math.hypot(a[0] - b[0], a[1] - b[1]));
    this.view.move(to[0] - from[0], to[1] - from[1]);
    this.view.zoom(apart(at, still) / apart(before, still), to);
    this.#touches = new Map([[other, still], [id, at]]);
    this.moved();
  }

  #up(event, given) {
    this.#touches.delete(event.pointerId);
    if (this.#drag?.id === event.pointerId) this.#drag = null;
    if (this.#drawing === event.pointerId) {
      const corner = this.#corner;
      this.#drawing = this.#corner = null;
      if (corner && !given) this.tools.down(this.#point(event), corner);
      if (!given) this.tools.up();
      else if (!corner) this.tools.cancel();
    }
    this.#see(event.pointerType === "touch" ? null : this.#point(event));
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 24 : event.deltaMode === 2 ? 400 : 1;
    const turned = Math.max(-240, Math.min(240, event.deltaY * lines));
    this.view.zoom(Math.exp(-turned * (event.ctrlKey ? 0.01 : 0.0022)), this.#point(event)); // ctrl: two fingers on a pad
    this.moved();
  }
}
