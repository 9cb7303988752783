// The picture on the screen, on a canvas of its own: the light it is shown in is not that of the masks.

import { Surface } from "./surface.js";

export class Photo extends Surface {
  #key = "";

  resize(...size) {
    super.resize(...size);
    this.#key = "";
  }

  /** Paints the picture of a scene, if another one is seen, or another part; null: nothing. */
  show(scene) {
    const { context, canvas, ratio, view } = this;
    const key = scene ? `${scene.id} ${view.version}` : "";
    if (key === this.#key) return;
    this.#key = key;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!scene) return;
    const { picture } = scene;
    this.place(context, view.scale * ratio < 4);
    context.drawImage(picture.level(view.scale * ratio), 0, 0, picture.width, picture.height);
  }
}
