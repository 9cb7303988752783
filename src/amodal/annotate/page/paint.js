// The mask on the screen, over the picture. The colours (after Okabe and Ito) differ to colour-blind eyes, too.

import { cut, grow, Layers, tint } from "./layers.js";
import { fill } from "./shapes.js";
import { Surface } from "./surface.js";

const VISIBLE = "#56b4e9";
const HIDDEN = "#f58a07";
const OTHERS = "#e6a3cf";
const LIGHT = "#fff6d6";
const DARK = "#16181dcc";

export class Painter extends Surface {
  #layers = new Layers();
  hide = false;
  showOthers = false;
  scene = null; // { id, object, picture: Levels, drawing or null, box or null }
  live = null; // the shape being drawn

  constructor(canvas, view, photo) {
    super(canvas, view);
    this.photo = photo;
  }

  resize(width, height, ratio) {
    super.resize(width, height, ratio);
    this.photo.resize(width, height, ratio);
    this.#layers.resize(this.canvas.width, this.canvas.height);
    this.view.resize(width, height, ratio);
    this.paint();
  }

  paint() {
    const { context, canvas, scene } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = 1;
    context.clearRect(0, 0, canvas.width, canvas.height);
    this.photo.show(scene);
    if (!scene) return;
    if (scene.drawing) this.#paintMasks(scene.drawing);
    if (scene.box) this.#paintBox(scene.box);
  }

  #mask(name, source, version) {
    const key = `${this.scene.object} ${this.view.version} ${version}`;
    return this.#layers.get(name, key, (context) => {
      this.place(context, this.view.scale * this.ratio < 1);
      if (source) context.drawImage(source, 0, 0);
    });
  }

  #paintMasks(drawing) {
    if (this.showOthers && drawing.others) this.#paintOthers(this.#mask("others", drawing.others, "o"));
    if (this.hide) return;
    const { context, canvas, live } = this;
    const visible = this.#mask("visible", drawing.visible, "v");
    const whole = this.#mask("whole", drawing.canvas, drawing.version);
    const key = `${this.scene.object} ${this.view.version} ${drawing.version}`;
    const over = this.#layers.get("over", key, (layer) => this.#colour(layer, whole, visible));
    if (!live) return context.drawImage(over, 0, 0);
    const clip = this.#around(live.bounds(), 1); // nothing else has changed: strokes on large screens stay quick
    context.save();
    context.beginPath();
    context.rect(0, 0, canvas.width, canvas.height);
    context.rect(...clip);
    context.clip("evenodd");
    context.drawImage(over, 0, 0);
    context.restore();
    context.save();
    cut(context, clip);
    context.drawImage(this.#liveOver(live, whole, visible, clip), 0, 0);
    context.restore();
  }

  #liveOver(live, settled, visible, clip) {
    const wide = this.#around(live.bounds(), 2); // the outline inside `clip` comes from as far: nothing old is left there
    const whole = this.#layers.get("live", null, (layer) => {
      layer.drawImage(settled, 0, 0);
      layer.save();
      this.place(layer, false);
      cut(layer, [0, 0, this.scene.picture.width, this.scene.picture.height]);
      fill(layer, live);
      layer.restore();
      layer.drawImage(visible, 0, 0);
    }, wide);
    return this.#layers.get("live over", null, (layer) => this.#colour(layer, whole, visible, clip), clip);
  }

  /** Width of a line, pixels of the screen; the outline is two wide. */
  get #line() {
    return Math.max(1, Math.round(1.25 * this.ratio));
  }

  /** A box of the picture in pixels of the canvas, with room for so many outlines. */
  #around({ x1, y1, x2, y2 }, outlines) {
    const room = outlines * (2 * this.#line + 2);
    const [left, top] = this.view.toScreen([x1, y1]).map((one) => Math.floor(one * this.ratio) - room);
    const [right, bottom] = this.view.toScreen([x2, y2]).map((one) => Math.ceil(one * this.ratio) + room);
    return [left, top, right - left, bottom - top];
  }

  #colour(layer, whole, visible, clip = null) {
    const line = this.#line;
    const part = (paint) => this.#layers.get("part", null, paint, clip);
    const seen = part((one) => (one.drawImage(visible, 0, 0), tint(one, VISIBLE)));
    layer.globalAlpha = 0.34;
    layer.drawImage(seen, 0, 0);
    const unseen = part((one) => {
      one.drawImage(whole, 0, 0);
      one.globalCompositeOperation = "destination-out";
      one.drawImage(visible, 0, 0);
      tint(one, this.scene.drawing.visible ? HIDDEN : VISIBLE); // of a box alone, nobody knows what is hidden
    });
    layer.globalAlpha = 0.5;
    layer.drawImage(unseen, 0, 0);
    layer.globalAlpha = 0.8;
    layer.drawImage(part((one) => this.#border(one, whole, visible, line)), 0, 0);
    layer.globalAlpha = 1;
    layer.drawImage(part((one) => (grow(one, whole, 2 * line), tint(one, DARK))), 0, 0);
    layer.drawImage(part((one) => (grow(one, whole, line), tint(one, LIGHT))), 0, 0);
  }

  /** Where what is hidden meets what is seen. */
  #border(layer, whole, visible, line) {
    const key = `${this.scene.object} ${this.view.version}`;
    const edge = this.#layers.get("edge", key, (one) => (grow(one, visible, line), tint(one, LIGHT)));
    layer.drawImage(edge, 0, 0);
    layer.globalCompositeOperation = "destination-in";
    layer.drawImage(whole, 0, 0);
    layer.globalCompositeOperation = "source-over";
  }

  #paintOthers(others) {
    const { context, ratio } = this;
    const striped = this.#layers.get("part", null, (one) => {
      one.drawImage(others, 0, 0);
      tint(one, stripes(one, ratio));
    });
    context.drawImage(striped, 0, 0);
  }

  #paintBox([x1, y1, x2, y2]) {
    if (this.hide || this.scene.drawing?.visible) return; // the mask says more
    const { context, ratio, view } = this;
    const [left, top] = view.toScreen([x1, y1]);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (const [colour, offset] of [[DARK, 0], [VISIBLE, 5]]) {
      context.strokeStyle = colour;
      context.lineWidth = 1.25;
      context.setLineDash([5, 5]);
      context.lineDashOffset = offset;
      context.strokeRect(left, top, (x2 - x1) * view.scale, (y2 - y1) * view.scale);
    }
    context.setLineDash([]);
  }
}

function stripes(context, ratio) {
  const side = Math.round(11 * ratio);
  const tile = document.createElement("canvas");
  tile.width = tile.height = side;
  const drawn = tile.getContext("2d");
  drawn.lineWidth = 1.6 * ratio;
  for (const [colour, shift] of [["#16181d99", 1.6 * ratio], [OTHERS, 0]]) {
    drawn.strokeStyle = colour;
    drawn.beginPath();
    for (const from of [-side, 0, side]) {
      drawn.moveTo(from + shift - side, 2 * side);
      drawn.lineTo(from + shift + 2 * side, -side);
    }
    drawn.stroke();
  }
  return context.createPattern(tile, "repeat");
}
