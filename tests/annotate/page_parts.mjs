// What the tests of the page share: a listing, a canvas, and a desk whose server answers what it is told to.

export const page = new URL("../../src/amodal/annotate/page/", import.meta.url);
const { Album } = await import(new URL("album.js", page));
const { Drawing } = await import(new URL("drawing.js", page));
const { Desk } = await import(new URL("desk.js", page));
const { Saver } = await import(new URL("saver.js", page));
const { Tools } = await import(new URL("tools.js", page));
const { View } = await import(new URL("view.js", page));

export const LISTING = {
  title: "a.json",
  output: "t.json",
  drafts: true,
  pictures: [
    { id: 1, name: "a b.jpg", width: 9, height: 9, objects: [{ id: 7, category: "cat", state: "done" }, { id: 8, category: "Cup", state: "todo" }] },
    { id: 2, name: "empty.jpg", width: 9, height: 9, objects: [] },
    { id: 3, name: "c.jpg", width: 9, height: 9, objects: [{ id: 9, category: "cat", state: "unsure" }, { id: 10, category: "cat", state: "todo" }] },
  ],
};

/** A canvas of words, with what the page asks of one. */
export class Sheet {
  #clip = null;
  #rect = null;

  constructor(width, height) {
    Object.assign(this, { width, height, canvas: this, words: new Uint32Array(width * height) });
  }

  getImageData(x, y, width, height) {
    const words = new Uint32Array(width * height);
    for (let row = 0; row < height; row++) {
      words.set(this.words.subarray((y + row) * this.width + x, (y + row) * this.width + x + width), row * width);
    }
    return { width, data: new Uint8ClampedArray(words.buffer) };
  }

  putImageData({ width, data }, x, y) {
    const words = new Uint32Array(data.buffer);
    for (let row = 0; row * width < words.length; row++) {
      this.words.set(words.subarray(row * width, (row + 1) * width), (y + row) * this.width + x);
    }
  }

  /** Rows alone are clipped: strips are as wide as the picture. */
  #rows() {
    const [, y, , height] = this.#clip ?? [0, 0, this.width, this.height];
    return [y, Math.min(this.height, y + height)];
  }

  drawImage(image, x, y) {
    if (image.closed) throw new Error("it is closed");
    const [top, bottom] = this.#rows();
    for (let row = top; row < Math.min(bottom, image.height + y); row++) {
      const from = (row - y) * image.width;
      for (let i = 0; i < image.width; i++) this.words[row * this.width + x + i] |= image.words[from + i];
    }
  }

  clearRect() {
    const [top, bottom] = this.#rows();
    this.words.fill(0, top * this.width, bottom * this.width);
  }

  save() {}
  restore() {
    this.#clip = null;
  }
  beginPath() {}
  rect(...rectangle) {
    this.#rect = rectangle;
  }
  clip() {
    this.#clip = this.#rect;
  }
}

/** A desk whose server answers what it is told to. */
export async function deskOf(pictures, answers = {}) {
  const album = new Album({ ...structuredClone(LISTING), pictures: structuredClone(pictures), categories: ["cat"] });
  const asked = [];
  const said = [];
  globalThis.location = { hash: "", pathname: "/" };
  globalThis.history = Object.fromEntries(["pushState", "replaceState"].map((act) => [act, (_, __, to) => (location.hash = to)]));
  globalThis.createImageBitmap = async () => ({ width: 9, height: 9, close() {} });
  globalThis.fetch = async (path, { method = "GET", body: sent, headers } = {}) => {
    asked.push(`${method} ${path}`);
    const { status = 200, body = {} } = answers[`${method} ${path}`]?.(sent, headers) ?? {};
    return new Response(JSON.stringify(body), { status });
  };
  const failed = [];
  const saver = new Saver(album, { changed() {}, failed: (object) => failed.push(object), gone: (object) => desk.gone(object) });
  const view = Object.assign(new View(), { fit() {}, fitPicture() {} });
  const tools = new Tools(view, { done: (shape) => desk.draw(shape), boxed() {}, small() {}, changed() {} });
  const never = new Promise(() => {});
  const loader = { picture: async () => ({ width: 9, height: 9 }), masks: () => ({ visible: never, whole: never }), ahead() {}, prepare() {} };
  const painter = { scene: null, showOthers: false, ask() {} };
  const desk = new Desk({ album, loader, saver, painter, view, tools, changed() {}, say: (text) => said.push(text), hush: () => said.push(""), finished() {}, following: () => null });
  const drawn = (object) => {
    const { revision } = object;
    const history = { top: {}, steps: [1] };
    const shapes = [];
    const act = { draw: (shape) => shapes.push(shape), png: async () => new Blob(["png"]), rest() {} };
    desk.drawing = { object, revision, start: "blank", count: 4, dirty: false, waiting: false, history, shapes, ...act };
    return desk.drawing;
  };
  return { album, asked, said, saver, failed, tools, desk, drawn, loader, painter };
}

/** A drawing of 9 x 9 pixels that waits for nothing. */
export function drawingOf(object = { id: "21", state: "todo" }) {
  const sheets = (sheet) => Object.assign(sheet, { getContext: () => sheet });
  globalThis.document = { createElement: () => ({ getContext() { return sheets(new Sheet(this.width, this.height)); } }) };
  const drawing = new Drawing(object, { width: 9, height: 9 }, null);
  drawing.waiting = false;
  return drawing;
}

/** What keys and buttons do at a desk, and the page's elements by id, as far as they are asked for. */
export async function actsOf({ said, ...parts }) {
  const { document } = globalThis;
  const any = new Proxy({}, { get: () => () => {} });
  globalThis.document = { getElementById: () => any, createElement: () => any }; // the help fills itself
  const { makeActions } = await import(new URL("actions.js", page));
  const elements = { light: { hidden: true }, canvas: { focus() {} } };
  globalThis.document = { ...document, getElementById: (id) => elements[id] ?? any };
  return { act: makeActions({ ...parts, say: (text) => said.push(text), changed() {} }), elements };
}

export const MINE = { id: "21", category: "cat", state: "todo", added: true, box: [0, 0, 5, 5] };
export const ONE = [{ id: 1, name: "a.jpg", width: 9, height: 9, objects: [MINE] }];
