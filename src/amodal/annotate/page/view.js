// Where the picture lies on the screen: CSS pixel = picture pixel * scale + offset. The offset is one of whole pixels of
// the screen, so that what is painted lies where the pointer finds it.

const MOST = 64;

export class View {
  scale = 1;
  x = 0;
  y = 0;
  width = 1; // of the canvas, CSS pixels
  height = 1;
  ratio = 1; // pixels of the screen a CSS pixel
  version = 0;
  #rest = [0, 0]; // what rounding has taken from the offset: slow moves come through
  picture = { width: 1, height: 1 };

  get least() {
    return 0.5 * Math.min(1, this.width / this.picture.width, this.height / this.picture.height);
  }

  toPicture([x, y]) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  toScreen([x, y]) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  resize(width, height, ratio = 1) {
    this.ratio = ratio;
    this.#place(this.x + (width - this.width) / 2, this.y + (height - this.height) / 2);
    this.width = width;
    this.height = height;
    this.version += 1;
  }

  move(dx, dy) {
    this.#set(this.scale, this.x + this.#rest[0] + dx, this.y + this.#rest[1] + dy);
  }

  /** Zooms about a point of the screen, which stays where it is. */
  zoom(factor, [x, y] = [this.width / 2, this.height / 2]) {
    const scale = Math.min(MOST, Math.max(this.least, this.scale * factor));
    const [px, py] = this.toPicture([x, y]);
    this.#set(scale, x - px * scale, y - py * scale);
  }

  /** Fills the canvas with a box of the picture and `margin` of its longer side around it, but not much of nothing. */
  fit(box, margin) {
    const edge = 0.03 * Math.max(this.picture.width, this.picture.height);
    const around = margin * Math.max(box[2] - box[0], box[3] - box[1], 8);
    const [x1, y1] = [Math.max(-edge, box[0] - around), Math.max(-edge, box[1] - around)];
    const x2 = Math.min(this.picture.width + edge, box[2] + around);
    const y2 = Math.min(this.picture.height + edge, box[3] + around);
    const [width, height] = [Math.max(1, x2 - x1), Math.max(1, y2 - y1)];
    const scale = Math.min(MOST / 2, Math.max(this.least, Math.min(this.width / width, this.height / height)));
    this.#set(scale, this.width / 2 - ((x1 + x2) / 2) * scale, this.height / 2 - ((y1 + y2) / 2) * scale);
  }

  fitPicture() {
    this.fit([0, 0, this.picture.width, this.picture.height], 0.03);
  }

  #set(scale, x, y) {
    const keep = 60; // of the picture, always on the screen
    const { width, height } = this.picture;
    this.scale = scale;
    this.#place(
      Math.min(this.width - keep, Math.max(keep - width * scale, x)),
      Math.min(this.height - keep, Math.max(keep - height * scale, y)),
    );
    this.version += 1;
  }

  #place(x, y) {
    this.x = Math.round(x * this.ratio) / this.ratio;
    this.y = Math.round(y * this.ratio) / this.ratio;
    this.#rest = [x - this.x, y - this.y];
  }
}
