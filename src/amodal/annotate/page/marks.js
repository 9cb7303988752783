// What lies over the picture and is no part of the mask: the brush's ring, the corners of an open polygon, a new box.

import { Surface } from "./surface.js";

export class Marks extends Surface {
  ring = null; // { at: [x, y], diameter } in CSS pixels
  corners = []; // of the open polygon, picture pixels
  to = null; // where its next corner would be
  frame = null; // two corners of the box that is dragged, picture pixels
  box = null; // [x1, y1, x2, y2] of one that can be corrected, picture pixels

  resize(...size) {
    super.resize(...size);
    this.ask();
  }

  paint() {
    const { context, ratio, ring } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.corners.length) this.#paintPolygon();
    if (this.frame) this.#paintFrame(this.frame);
    else if (this.box) this.#paintHandles(this.box);
    if (!ring) return;
    this.#line(() => context.arc(...ring.at, Math.max(1.5, ring.diameter / 2), 0, 2 * Math.PI));
    if (ring.diameter > 14) this.#line(() => context.arc(...ring.at, 0.5, 0, 2 * Math.PI));
  }

  #paintFrame(frame) {
    const [[ax, ay], [bx, by]] = frame.map((corner) => this.view.toScreen(corner));
    this.#line(() => this.context.rect(Math.min(ax, bx), Math.min(ay, by), Math.abs(bx - ax), Math.abs(by - ay)));
  }

  #paintHandles([x1, y1, x2, y2]) {
    this.#paintFrame([[x1, y1], [x2, y2]]);
    for (const corner of [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]) {
      const [x, y] = this.view.toScreen(corner);
      this.#line(() => this.context.rect(x - 4, y - 4, 8, 8));
    }
  }

  #paintPolygon() {
    const { context, view } = this;
    const points = this.corners.map((corner) => view.toScreen(corner));
    const line = this.to ? [...points, view.toScreen(this.to)] : points;
    this.#line(() => line.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y))));
    points.forEach(([x, y], i) => {
      context.beginPath();
      context.arc(x, y, i ? 3 : 5, 0, 2 * Math.PI);
      context.fillStyle = i ? "#fff" : "#f58a07";
      context.fill();
      this.#line(() => context.arc(x, y, i ? 3 : 5, 0, 2 * Math.PI));
    });
  }

  /** A white line with a dark one around it, to be seen on anything. */
  #line(trace) {
    const { context } = this;
    for (const [colour, width] of [["#000a", 3.2], ["#fff", 1.4]]) {
      context.beginPath();
      trace();
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.stroke();
    }
  }
}
