// A canvas over the whole stage, painted before the next frame, once however often it is asked.

export class Surface {
  #asked = false;

  constructor(canvas, view) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.view = view;
  }

  /** Size of the canvas in CSS pixels, and its device pixels per CSS pixel. */
  resize(width, height, ratio) {
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
  }

  /** Lets a context draw in picture pixels. */
  place(context, smooth) {
    const { ratio, view } = this;
    const scale = view.scale * ratio;
    context.setTransform(scale, 0, 0, scale, view.x * ratio, view.y * ratio);
    context.imageSmoothingEnabled = smooth;
  }

  ask() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.paint();
    });
  }
}
