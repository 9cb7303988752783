// What a tool draws: a stroke or a polygon in picture pixels, that adds to the mask or takes away from it.

class Shape {
  constructor(erase, points) {
    this.erase = erase;
    this.points = points; // [[x, y], ...]
  }

  bounds(margin = 1) {
    const box = { x1: Infinity, y1: Infinity, x2: -Infinity, y2: -Infinity };
    for (const [x, y] of this.points) {
      box.x1 = Math.min(box.x1, x - margin);
      box.y1 = Math.min(box.y1, y - margin);
      box.x2 = Math.max(box.x2, x + margin);
      box.y2 = Math.max(box.y2, y + margin);
    }
    return box;
  }

  trace(context) {
    context.beginPath();
    this.points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  }
}

export class Stroke extends Shape {
  constructor(erase, diameter, point) {
    super(erase, []);
    this.diameter = Math.max(1.5, diameter);
    this.add(point);
  }

  /** The finest brushes go from pixel centre to pixel centre, or they would miss pixels. */
  add([x, y]) {
    const fine = this.diameter < 4;
    this.points.push(fine ? [Math.floor(x) + 0.5, Math.floor(y) + 0.5] : [x, y]);
  }

  bounds() {
    return super.bounds(this.diameter / 2 + 1);
  }

  paint(context) {
    context.lineWidth = this.diameter;
    context.lineCap = context.lineJoin = "round";
    this.trace(context);
    if (this.points.length === 1) context.lineTo(this.points[0][0] + 1e-3, this.points[0][1]);
    context.stroke();
  }
}

export class Polygon extends Shape {
  paint(context) {
    this.trace(context);
    context.closePath();
    context.fill();
  }
}

/** Draws a shape into a mask. */
export function fill(context, shape) {
  context.fillStyle = context.strokeStyle = "#fff";
  context.globalCompositeOperation = shape.erase ? "destination-out" : "source-over";
  shape.paint(context);
}
