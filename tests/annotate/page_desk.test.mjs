// Nothing that is being drawn is lost: strokes, corners, starts, counts; run by test_page.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { deskOf, LISTING, MINE, ONE, page, Sheet } from "./page_parts.mjs";

const { Album, following, listed } = await import(new URL("album.js", page));
const { Desk } = await import(new URL("desk.js", page));
const { Drawing } = await import(new URL("drawing.js", page));
const { needsKey } = await import(new URL("keys.js", page));
const { Pointer } = await import(new URL("pointer.js", page));
const { leftOut, reach } = await import(new URL("reach.js", page));
const { Shelf } = await import(new URL("shelf.js", page));
const { Tools } = await import(new URL("tools.js", page));
const { View } = await import(new URL("view.js", page));

const HOW = { erase: false, shift: false, time: 0 };
const TWO = [{ ...ONE[0], objects: [MINE, { ...MINE, id: "22" }] }];

test("a stroke that is being drawn is part of what is saved, and of what is left", async () => {
  const { album, asked, desk, drawn, saver, tools } = await deskOf(TWO);
  const [one, two] = album.objects;
  desk.open(one);
  const drawing = drawn(one);
  drawing.png = () => (asked.push(`png of ${drawing.shapes.length}`), Promise.resolve(new Blob(["p"])));
  tools.down([1, 1], HOW);
  desk.answers.accept("done");
  assert.equal(drawing.shapes.length, 1);
  assert.equal(asked[0], "png of 1");
  await saver.then(() => {});
  tools.down([2, 2], HOW);
  desk.open(two);
  assert.equal(drawing.shapes.length, 2);
  tools.up();
  assert.equal(drawing.shapes.length, 2, "once");
  desk.open(one);
  drawn(one);
  tools.down([3, 3], HOW);
  tools.choose("eraser");
  assert.equal(desk.drawing.shapes.length, 1, "another tool ends it, too");
});

test("the box of another object that is being dragged: Enter waits for it", async () => {
  const { album, asked, desk, drawn, saver, tools } = await deskOf(ONE);
  desk.open(album.objects[0]);
  drawn(album.objects[0]);
  tools.choose("box");
  tools.down([1, 1], HOW);
  desk.answers.accept("done");
  await saver.then(() => {});
  assert.deepEqual(asked, []);
  assert.ok(tools.frame);
});

test("corners of a polygon are not left behind", async () => {
  const { album, desk, drawn, said, tools } = await deskOf([...TWO, { ...ONE[0], id: 2, objects: [] }]);
  const [one, two] = album.objects;
  desk.open(one);
  drawn(one);
  tools.choose("polygon");
  for (const at of [[1, 1], [50, 1], [50, 50]]) tools.down(at, { ...HOW, time: at[0] * at[1] * 1000 });
  location.hash = "#22"; // as the Back button does
  for (const leave of [() => desk.open(two), () => desk.openPicture(album.pictures[1]), () => desk.startFrom("visible"), () => desk.answers.toDoAgain()]) {
    one.state = "done";
    await leave();
    assert.match(said.pop(), /Close the polygon first/);
    assert.equal(desk.object, one);
    assert.equal(tools.corners.length, 3);
    assert.equal(location.hash, "#21");
  }
  tools.drop();
  desk.open(two);
  assert.equal(desk.object, two);
});

test("Enter leads to what is listed and to do", () => {
  const album = new Album(structuredClone(LISTING));
  const list = { filter: "all", words: "cat", has: (one) => listed(one, list.filter, list.words) };
  const [seven, eight, nine, ten] = album.objects;
  assert.equal(following(album, list, seven, false), ten, "8 is a cup");
  assert.equal(following(album, list, ten, false), null);
  assert.equal(following(album, list, ten, true), seven);
  list.words = "";
  assert.equal(following(album, list, ten, false), eight);
  list.filter = "unsure";
  assert.equal(following(album, list, seven, false), nine);
});

test("Enter on a choice or a slider answers nothing", () => {
  const target = (kind) => ({ matches: (selector) => selector.split(/, */).includes(kind) });
  for (const kind of ["button", "a", "input"]) assert.equal(needsKey(target(kind), "enter"), true, kind);
  assert.equal(needsKey(target("input"), "arrowleft"), true);
  assert.equal(needsKey(target("button"), "arrowleft"), false);
  assert.equal(needsKey(target("input"), "b"), false);
  assert.equal(needsKey(target("canvas"), "enter"), false);
});

test("how far a mask reaches, and what of a box it leaves out", () => {
  const sheet = new Sheet(2000, 700); // more than a strip
  assert.equal(reach(sheet, 2000, 700), null);
  for (const [x, y] of [[40, 30], [7, 650], [1999, 300]]) sheet.words[y * 2000 + x] = 0xffffffff;
  assert.deepEqual(reach(sheet, 2000, 700), [7, 30, 2000, 651]);
  const whole = [10, 10, 30, 110]; // 20 x 100: 2 and 5 pixels are borne
  assert.equal(leftOut([8, 5, 32, 115], whole), 0);
  assert.equal(leftOut([7.5, 5, 30, 110], whole), 3);
  assert.equal(leftOut([10, 10, 30, 116], whole), 6);
  assert.equal(leftOut([12, 12, 20, 20], whole), 0);
});

test("a whole that leaves out some of its visible box is saved on the second Done", async () => {
  const { album, asked, desk, drawn, said, saver } = await deskOf([{ ...ONE[0], objects: [{ ...MINE, added: false, visible: false }] }]);
  const [object] = album.objects;
  desk.open(object);
  const drawing = Object.assign(drawn(object), { reach: () => [0, 0, 2, 2] });
  desk.answers.accept("done");
  assert.match(said.at(-1), /3 px of its box are left out/);
  drawing.history.top = {}; // drawn on
  desk.answers.accept("done");
  assert.deepEqual(asked, []);
  desk.answers.accept("done");
  await saver.then(() => {});
  assert.equal(asked.length, 1);
  drawing.history.top = {};
  desk.answers.accept("unsure");
  drawing.reach = () => [0, 0, 5, 4];
  desk.answers.accept("done");
  await saver.then(() => {});
  assert.equal(asked.length, 3);
});

test("what was asked to start from is there, even if one went on meanwhile", async () => {
  const { album, desk, drawn } = await deskOf(TWO, {});
  const [one, two] = album.objects;
  desk.open(one);
  const drawing = drawn(one);
  const replaced = [];
  Object.assign(drawing, { replace: (_, start) => (replaced.push(start), (drawing.dirty = true)), history: { top: {}, steps: [] } });
  const coming = desk.startFrom("visible");
  desk.open(two);
  assert.deepEqual(replaced, []);
  await coming;
  assert.deepEqual(replaced, ["visible"]);
  assert.equal(one.unsaved, true);
  assert.equal(drawing.waiting, false);
});

test("Backspace asks before it removes, Delete does not", async () => {
  const { album, asked, desk, drawn, said } = await deskOf(TWO);
  for (const sure of [false, true]) {
    const object = album.objects.at(-1);
    desk.open(object);
    drawn(object);
    await desk.remove(sure);
    if (!sure) assert.match(said.at(-1), /once more removes/);
    assert.equal(asked.length, sure ? 2 : 0);
    if (!sure) await desk.remove(sure);
  }
  assert.deepEqual(asked, ["DELETE api/objects/22", "DELETE api/objects/21"]);
});

test("what was drawn since Backspace warned is asked about anew", async () => {
  const { album, asked, desk, drawn, said } = await deskOf(ONE);
  desk.open(album.objects[0]);
  const drawing = drawn(album.objects[0]);
  await desk.remove(false);
  assert.match(said.at(-1), /Backspace once more/);
  drawing.dirty = true; // as where a draft takes its place
  await desk.remove(false);
  assert.match(said.at(-1), /It has been drawn/);
  drawing.history.top = {};
  await desk.remove();
  Object.assign(drawing, { draw: () => true, undo: () => true });
  for (const act of [() => desk.draw({}), () => desk.steps.undo()]) {
    act(); // the same step again
    await desk.remove();
  }
  assert.equal(said.filter((text) => text.startsWith("It has been drawn")).length, 4);
  assert.deepEqual(asked, []);
  await desk.remove();
  assert.deepEqual(asked, ["DELETE api/objects/21"]);
});

test("the other objects are fetched once they are shown", async () => {
  const { album, asked, desk, drawn, painter } = await deskOf(ONE);
  desk.open(album.objects[0]);
  const drawing = drawn(album.objects[0]);
  await desk.fetchOthers();
  assert.deepEqual(asked, []);
  painter.showOthers = true;
  await desk.fetchOthers();
  await desk.fetchOthers();
  assert.deepEqual(asked, ["GET api/objects/21/others"]);
  assert.equal(drawing.others.width, 9);
});

test("what is put away while it is counted is counted when it is taken up", async () => {
  const [width, height] = [2500, 1700];
  const sheets = (sheet) => Object.assign(sheet, { getContext: () => sheet, toBlob: (give) => give(sheet) });
  globalThis.document = { createElement: () => ({ getContext() { return sheets(new Sheet(this.width, this.height)); } }) };
  globalThis.createImageBitmap = async (from) => ({ width, height, words: from.words.slice(), close() { this.closed = true; } });
  const bitmap = (count) => Object.assign(new Sheet(width, height), { close() { this.closed = true; } }, { words: new Uint32Array(width * height).fill(0xffffffff, 0, count) });
  const visible = bitmap(1000);
  const drawing = new Drawing({ id: "1" }, { width, height }, visible);
  const counting = drawing.begin(null, "visible");
  drawing.replace(bitmap(4000), "draft");
  await drawing.rest();
  assert.equal(visible.closed, true);
  await counting; // no rejection
  await drawing.wake(async () => bitmap(1000));
  await drawing.recount();
  assert.equal(drawing.count, 4000);
  assert.equal(drawing.hidden, 0.75);
  drawing.undo();
  assert.equal(drawing.count, 1000);
});

test("a drawing that waits for another start is put away whole", () => {
  const shelf = new Shelf();
  const drawing = { object: { id: "1" }, history: { steps: [] }, dirty: false, asked: true, rest() {} };
  shelf.keep(drawing);
  assert.equal(shelf.take("1"), drawing);
  drawing.asked = false;
  shelf.keep(drawing);
  assert.equal(shelf.take("1"), null);
});

test("two fingers leave no corner; one sets it where it is lifted", () => {
  const acts = {};
  const element = { addEventListener: (type, act) => (acts[type] = act), focus() {}, setPointerCapture() {}, getBoundingClientRect: () => ({ left: 0, top: 0 }) };
  const view = new View();
  view.resize(100, 100);
  Object.assign(view, { picture: { width: 100, height: 100 } });
  const tools = new Tools(view, { done() {}, boxed() {}, small() {}, changed() {} });
  new Pointer(element, view, tools, { can: () => true, moved() {}, seen() {} });
  const touch = (type, pointerId, x, y, pointerType = "touch") =>
    acts[type]({ pointerId, pointerType, clientX: x, clientY: y, timeStamp: 1000 * x, preventDefault() {} });
  tools.choose("polygon");
  touch("pointerdown", 1, 10, 10);
  touch("pointerdown", 2, 60, 60);
  touch("pointermove", 2, 61, 61);
  touch("pointerup", 2, 61, 61);
  touch("pointerup", 1, 10, 10);
  assert.equal(tools.corners.length, 0);
  touch("pointerdown", 3, 20, 20);
  touch("pointercancel", 3, 20, 20);
  assert.equal(tools.corners.length, 0);
  touch("pointerdown", 4, 20, 20);
  touch("pointermove", 4, 25, 30);
  assert.equal(tools.corners.length, 0);
  touch("pointerup", 4, 25, 30);
  touch("pointerdown", 5, 70, 20, "mouse");
  assert.deepEqual(tools.corners.map((one) => view.toScreen(one)), [[25, 30], [70, 20]]);
});

test("the picture lies on whole pixels of the screen, where the pointer finds it; slow moves come through", () => {
  const view = new View();
  view.picture = { width: 333, height: 217 };
  view.resize(801, 603, 1.5);
  view.fit([10, 10, 97, 61], 0.35);
  const whole = () => [view.x, view.y].map((one) => one * 1.5).every((one) => Math.abs(one - Math.round(one)) < 1e-9);
  assert.ok(whole());
  view.zoom(1.37, [123.3, 77.7]);
  assert.ok(whole());
  view.resize(800, 600, 1.5);
  assert.ok(whole());
  const before = view.x;
  for (let i = 0; i < 40; i++) view.move(0.1, 0);
  assert.ok(whole());
  assert.ok(Math.abs(view.x - before - 4) < 1);
});

test("closing the page is warned about where something would be lost", async () => {
  const any = new Proxy(function () {}, {
    get: (_, name) => (name === Symbol.iterator ? () => [any, any, any].values() : name === Symbol.toPrimitive ? () => "" : any),
    set: () => true,
    apply: () => any,
    construct: () => any,
  });
  const listeners = {};
  const on = (type, act) => (listeners[type] = act);
  const fakes = { document: any, Option: any, ResizeObserver: any, addEventListener: on, requestAnimationFrame() {}, setInterval() {} };
  Object.assign(globalThis, fakes, { location: { hash: "" }, history: { replaceState() {}, pushState() {} } });
  globalThis.fetch = async () => new Response(JSON.stringify({ ...LISTING, categories: [] }));
  await import(new URL("annotate.js", page)); // the whole page, on elements that are not there
  for (let i = 0; i < 100 && !listeners.beforeunload; i++) await new Promise((go) => setTimeout(go));
  for (const holdsUnsaved of [false, true]) {
    Object.defineProperty(Desk.prototype, "holdsUnsaved", { configurable: true, get: () => holdsUnsaved });
    let warned = false;
    listeners.beforeunload({ preventDefault: () => (warned = true) });
    assert.equal(warned, holdsUnsaved);
  }
});
