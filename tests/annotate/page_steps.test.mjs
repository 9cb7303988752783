// Steps taken back and made again: a polygon that is opened again, boxes with their drafts, hints; run by test_page.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { actsOf, deskOf, drawingOf, MINE, ONE, page, Sheet } from "./page_parts.mjs";

const { Light } = await import(new URL("light.js", page));
const { Photo } = await import(new URL("photo.js", page));
const { Polygon, Stroke } = await import(new URL("shapes.js", page));

const HOW = { erase: false, shift: false, time: 1e6 };
const until = async (is) => { for (let i = 0; i < 100 && !is(); i++) await new Promise((go) => setTimeout(go)); };

/** A shape that fills the rows up to one. */
function rows(shape, to) {
  shape.paint = (context) => context.words.fill(0xffffffff, 0, 9 * to);
  return shape;
}
const polygon = () => rows(new Polygon(false, [[0, 0], [200, 0], [200, 200], [0, 200]]), 4);
const stroke = (to = 6) => rows(new Stroke(false, 40, [4, 4]), to);
const count = (drawing) => drawing.context.words.filter(Boolean).length;

/** A desk at an object of which nothing is drawn, and its server, which keeps boxes and makes drafts of as many rows. */
async function deskAt(answers = {}) {
  const put = (sent) => ({ body: { ...MINE, box: JSON.parse(sent).box } });
  const parts = await deskOf(ONE, { "PUT api/objects/21/box": put, ...answers });
  const [object] = parts.album.objects;
  parts.desk.open(object);
  const drawing = (parts.desk.drawing = drawingOf(object));
  globalThis.createImageBitmap = async () => {
    const bitmap = Object.assign(new Sheet(9, 9), { close() {} });
    bitmap.words.fill(0xffffffff, 0, 9 * object.box[3]);
    return bitmap;
  };
  const { act, elements } = await actsOf({ ...parts, light: new Light(() => {}) });
  return { ...parts, act, drawing, elements, object };
}

test("a polygon that was opened again is back as it was after Escape, and after undo with no corner moved", async () => {
  const { act, desk, drawing, said, saver, tools } = await deskAt();
  desk.draw(polygon());
  const { top } = drawing.history;
  const isBack = () => {
    assert.equal(tools.open, false);
    assert.deepEqual([drawing.history.top, count(drawing)], [top, 36]);
    assert.equal(said.at(-1), "The polygon is as it was.");
  };
  for (const leave of [act.escape, act.undo]) {
    act.reopen({});
    assert.equal(count(drawing), 0);
    leave({});
    isBack();
  }
  act.reopen({});
  tools.down([200, 200], HOW);
  tools.move([[300, 300]]);
  tools.up();
  act.unsure({});
  assert.match(said.at(-1), /leave it as it was/);
  act.undo();
  assert.equal(tools.open, true, "a move is undone first");
  tools.down([200, 200], HOW);
  tools.move([[300, 300]]);
  act.escape({});
  assert.equal(tools.open, true, "and so is one under way");
  act.escape({});
  isBack();
  act.undo();
  assert.equal(count(drawing), 0);
  act.redo();
  assert.equal(count(drawing), 36);
  await saver.then(() => {});
});

test("corners set after those of an opened polygon were removed are a new polygon's", async () => {
  const { act, desk, drawing, tools } = await deskAt();
  desk.draw(polygon());
  act.reopen({});
  for (let i = 0; i < 4; i++) act.corner({});
  assert.equal(tools.open, false);
  tools.down([300, 300], HOW);
  tools.up();
  act.escape({});
  assert.deepEqual([tools.open, count(drawing)], [false, 0]);
});

test("a draft that came while a polygon was open again is not turned back with it", async () => {
  const { act, desk, drawing, said, tools } = await deskAt();
  desk.draw(polygon());
  const coming = desk.startFrom("draft");
  act.reopen({});
  await coming;
  assert.equal(count(drawing), 45);
  act.escape({});
  assert.deepEqual([tools.open, count(drawing), said.at(-1)], [false, 45, ""]);
});

test("each correction of an undrawn object's box brings its draft, and one undo takes back both", async () => {
  const { act, asked, desk, drawing, object, said, saver } = await deskAt();
  const shown = () => [object.box[3], count(drawing), drawing.dirty, object.unsaved, desk.holdsUnsaved];
  const clean = (bottom, pixels) => [bottom, pixels, false, false, false];
  await desk.corrections.setBox([1, 1, 4, 4]);
  assert.deepEqual(shown(), clean(4, 36));
  await desk.corrections.setBox([1, 1, 7, 7]);
  assert.deepEqual(shown(), clean(7, 63));
  for (const [turn, bottom, pixels] of [["undo", 4, 36], ["undo", 5, 0], ["redo", 4, 36], ["redo", 7, 63]]) {
    act[turn]({});
    await saver.then(() => {});
    assert.deepEqual(shown(), clean(bottom, pixels));
  }
  desk.draw(stroke(9));
  asked.length = 0;
  await desk.corrections.setBox([1, 1, 3, 3]);
  assert.deepEqual([asked, count(drawing), drawing.dirty], [["PUT api/objects/21/box"], 81, true]);
  assert.match(said.at(-1), /D starts from the draft/);
  act.undo({});
  assert.equal(said.at(-1), "");
});

test("a draft of a corrected box does not take the place of what was drawn while it came", async () => {
  const { desk, drawing, said } = await deskAt();
  const made = globalThis.createImageBitmap;
  globalThis.createImageBitmap = () => (desk.draw(stroke()), made()); // the draft is on its way
  await desk.corrections.setBox([1, 1, 4, 4]);
  assert.equal(count(drawing), 54);
  assert.match(said.at(-1), /The draft has come. You have drawn already/);
});

test("what was saved of a drafted box is changed by undo", async () => {
  const { act, desk, drawing, object, saver } = await deskAt();
  await desk.corrections.setBox([1, 1, 4, 4]);
  Object.assign(object, { state: "done" });
  act.undo({});
  await saver.then(() => {});
  assert.equal(drawing.dirty, true);
  act.redo({});
  assert.equal(drawing.dirty, false);
});

test("of two quick corrections each knows the box before it, and the draft is of the last", async () => {
  const gates = [];
  const { act, desk, drawing, object, saver } = await deskAt();
  const { fetch } = globalThis;
  globalThis.fetch = (path, options) => new Promise((go) => gates.push(() => go(fetch(path, options))));
  const all = [[1, 1, 4, 4], [1, 1, 7, 7]].map((box) => desk.corrections.setBox(box));
  for (let i = 0; i < 4; i++) {
    await until(() => gates.length);
    gates.shift()?.();
  }
  await Promise.all(all);
  globalThis.fetch = fetch;
  assert.deepEqual([object.box[3], count(drawing)], [7, 63]);
  for (const bottom of [4, 5]) {
    act.undo({});
    await saver.then(() => {});
    assert.equal(object.box[3], bottom);
  }
});

test("what is saved while a box is on its way is saved", async () => {
  const saved = () => ({ body: { ...MINE, state: "done", hidden: null, revision: "a" } });
  const { act, desk, drawing, object, saver } = await deskAt({ "PUT api/objects/21/whole?state=done&start=blank": saved });
  drawing.png = async () => new Blob(["png"]);
  desk.draw(stroke());
  const corrected = desk.corrections.setBox([1, 1, 4, 4]);
  act.done({});
  await corrected;
  await saver.then(() => {});
  assert.deepEqual([object.state, object.unsaved, drawing.dirty], ["done", false, false]);
  desk.draw(stroke(9));
  assert.equal(object.unsaved, true);
});

test("hints go as soon as they are not so any more", async () => {
  const { act, desk, said, tools } = await deskAt();
  tools.hush = desk.hush ?? (() => {});
  act.asItIs();
  tools.down([30, 30], HOW);
  assert.equal(said.at(-1), "");
  tools.cancel();
  desk.draw(polygon());
  act.reopen({});
  assert.match(said.at(-1), /Drag its corners/);
  desk.drawing.draw = () => true;
  act.enter({});
  assert.equal(said.at(-1), "");
  act.rebox();
  act.escape({});
  for (const turn of [act.undo, act.redo]) {
    said.push("a note");
    turn({});
    assert.equal(said.at(-1), "");
  }
});

test("a note is taken back, a problem stays to be read", async () => {
  const elements = new Map();
  const element = () => ({ dataset: {}, addEventListener() {} });
  globalThis.document = { getElementById: (id) => elements.get(id) ?? elements.set(id, element()).get(id) };
  const { Status } = await import(new URL("status.js", page));
  const status = new Status({});
  const line = elements.get("status");
  for (const [kind, left] of [["note", ""], ["problem", "words"]]) {
    status.say("words", kind);
    status.hush();
    assert.equal(line.textContent, left);
    status.say("");
    assert.equal(line.textContent, "");
  }
});

test("Escape closes the light once nothing else is under way", async () => {
  const { act, elements, tools } = await deskAt();
  act.light({});
  assert.equal(elements.light.hidden, false);
  tools.choose("polygon");
  tools.down([300, 300], HOW);
  tools.up();
  act.escape({});
  assert.deepEqual([tools.open, elements.light.hidden], [false, false]);
  act.escape({});
  assert.equal(elements.light.hidden, true);
});

test("an added box that is refused leaves the corners that are open", async () => {
  const { desk, said, tools } = await deskAt({ "POST api/pictures/1/objects": () => ({ status: 507, body: { detail: "full" } }) });
  const adding = desk.add([0, 0, 5, 5], "cat");
  tools.choose("polygon");
  tools.down([300, 300], HOW);
  tools.up();
  await adding;
  assert.deepEqual([tools.name, tools.corners.length, said.at(-1)], ["polygon", 1, "Not added: full"]);
});

test("a box that another tab has corrected is shown", async () => {
  const { desk, object, painter } = await deskAt();
  painter.scene = { box: object.box };
  object.box = [2, 2, 6, 6];
  await desk.renewed([]);
  assert.deepEqual(painter.scene.box, [2, 2, 6, 6]);
});

test("the picture is painted anew if another one is seen, or another part of it", () => {
  let painted = 0;
  const context = new Proxy({}, { get: (_, act) => () => (painted += act === "drawImage"), set: () => true });
  const view = { version: 1, scale: 1, x: 0, y: 0 };
  const photo = new Photo({ getContext: () => context }, view);
  const scene = { id: 1, picture: { width: 9, height: 9, level: () => null } };
  const shows = (one) => {
    const before = painted;
    photo.show(one);
    return painted - before;
  };
  photo.resize(100, 100, 1);
  assert.deepEqual([shows(scene), shows(scene), shows({ ...scene, object: "22" })], [1, 0, 0]);
  view.version = 2;
  assert.deepEqual([shows(scene), shows({ ...scene, id: 2 })], [1, 1]);
  photo.resize(200, 100, 1);
  assert.deepEqual([shows({ ...scene, id: 2 }), shows(null), shows({ ...scene, id: 2 })], [1, 0, 1]);
});
