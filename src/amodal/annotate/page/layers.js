// Canvases of the screen's size, painted again only when what they show has changed.

export class Layers {
  #made = new Map();
  width = 1;
  height = 1;

  resize(width, height) {
    this.width = width;
    this.height = height;
    this.#made.clear();
  }

  /**
   * The layer of that name; `paint(context)` fills it, if `key` is another than last time or null; inside `clip` alone,
   * if that is given: [x, y, width, height].
   */
  get(name, key, paint, clip = null) {
    let layer = this.#made.get(name);
    if (!layer) {
      const canvas = document.createElement("canvas");
      canvas.width = this.width;
      canvas.height = this.height;
      layer = { canvas, context: canvas.getContext("2d"), key: null };
      this.#made.set(name, layer);
    }
    if (key === null || key !== layer.key) {
      const { context } = layer;
      context.save();
      if (clip) cut(context, clip);
      context.clearRect(0, 0, this.width, this.height);
      paint(context);
      context.restore();
      layer.key = key;
    }
    return layer.canvas;
  }
}

/** Keeps what is painted next inside a rectangle. */
export function cut(context, rectangle) {
  context.beginPath();
  context.rect(...rectangle);
  context.clip();
}

/** Colours what is in a layer. */
export function tint(context, style) {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = style;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  context.globalCompositeOperation = "source-over";
}

/** What is in a layer, grown by some pixels to every side, without the layer itself: its outline. */
export function grow(context, canvas, pixels) {
  for (const [dx, dy] of [[-1, -1], [0, -1], [1, -1], [-1, 0], [1, 0], [-1, 1], [0, 1], [1, 1]]) {
    context.drawImage(canvas, dx * pixels, dy * pixels);
  }
  context.globalCompositeOperation = "destination-out";
  context.drawImage(canvas, 0, 0);
  context.globalCompositeOperation = "source-over";
}
