// What of the page needs no browser; run by test_page.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { deskOf, LISTING, MINE, ONE, page, Sheet } from "./page_parts.mjs";

const { Album, isListed, listed } = await import(new URL("album.js", page));
const { History } = await import(new URL("history.js", page));
const { KEYS, written } = await import(new URL("keys.js", page));
const { Polygon, Stroke } = await import(new URL("shapes.js", page));
const { Tools } = await import(new URL("tools.js", page));
const { View } = await import(new URL("view.js", page));
const { bands, change, flip } = await import(new URL("bits.js", page));

test("the next to do comes round, and leaves out what is on its way", () => {
  const album = new Album(structuredClone(LISTING));
  const [, eight, nine, ten] = album.objects;
  assert.deepEqual(album.counts, { todo: 2, done: 1, unsure: 1 });
  assert.equal(album.nextToDo(null), eight);
  assert.equal(album.nextToDo(eight), ten);
  assert.equal(album.nextToDo(ten), eight);
  eight.saving = true;
  assert.equal(album.nextToDo(ten), null);
  eight.saving = false;
  assert.equal(album.nextPicture(eight.picture, 1).name, "empty.jpg");
  assert.equal(album.nextPicture(eight.picture, -1), nine.picture);
  album.update(eight, "done", 0.5);
  album.update(ten, "unsure", null);
  assert.equal(album.finished, true);
  assert.deepEqual(album.counts, { todo: 0, done: 2, unsure: 2 });
});

test("an object is added after those of its picture, and removed", () => {
  const album = new Album(structuredClone(LISTING));
  const [first, empty] = album.pictures;
  const added = album.add({ id: 11, category: "cat", state: "todo", added: true }, first);
  assert.deepEqual(album.objects.map((one) => one.id), [7, 8, 11, 9, 10]);
  assert.deepEqual(album.objects.map((one) => one.index), [0, 1, 2, 3, 4]);
  assert.equal(album.byId.get(11), added);
  assert.equal(added.picture, first);
  assert.equal(album.nextToDo(album.objects[1]), added);
  assert.equal(album.counts.todo, 3);
  album.remove(added);
  assert.deepEqual(album.objects.map((one) => one.index), [0, 1, 2, 3]);
  assert.equal(album.byId.has(11), false);
  assert.deepEqual(first.objects.map((one) => one.id), [7, 8]);
  assert.equal(album.counts.todo, 2);
  const none = new Album({ ...structuredClone(LISTING), pictures: [structuredClone(LISTING.pictures[1])] });
  assert.equal(none.finished, false);
  assert.equal(none.nextPicture(none.pictures[0], 1), null);
  assert.equal(isListed(empty, "all", ""), true);
  assert.equal(isListed(empty, "all", "EMPTY"), true);
  assert.equal(isListed(empty, "all", "cat"), false);
  assert.equal(isListed(empty, "todo", ""), false);
  assert.equal(isListed(first, "all", ""), false);
});

test("a box is dragged from any corner, ends at the picture, and is not a slip of the hand", () => {
  const view = new View();
  view.resize(100, 100);
  Object.assign(view, { picture: { width: 40, height: 30 }, scale: 2, x: 0, y: 0 });
  const boxes = [];
  let small = 0;
  const tools = new Tools(view, { done: () => assert.fail(), boxed: (box) => boxes.push(box), small: () => (small += 1), changed: () => {} });
  const drag = (from, to) => {
    tools.choose("box");
    tools.down(from, { erase: false, shift: false, time: 0 });
    assert.equal(tools.busy, true);
    tools.move([to]);
    tools.up();
    assert.equal(tools.busy, false);
  };
  drag([60, 50], [10, 20]);
  assert.equal(tools.name, "brush", "one box, then its object is drawn");
  drag([-30, -20], [300, 300]);
  drag([20, 20], [22, 60]);
  assert.equal(tools.name, "box", "a slip of the hand leaves the tool");
  assert.equal(small, 1, "and is told");
  tools.down([20, 20], { erase: false, shift: false, time: 0 });
  tools.drop();
  tools.up();
  assert.deepEqual(boxes, [[5, 10, 30, 25], [0, 0, 40, 30]]);
});

test("what is removed is not saved after that, and its picture stays open", async () => {
  const { album, asked, desk, drawn, saver, failed, tools } = await deskOf(ONE);
  desk.open(album.objects[0]);
  drawn(album.objects[0]);
  const removed = desk.remove();
  desk.answers.accept("done");
  await Promise.all([desk.remove(), removed, saver.then(() => {})]);
  assert.deepEqual(asked, ["DELETE api/objects/21"]);
  assert.equal(saver.failures + failed.length, 0);
  assert.equal(album.objects.length, 0);
  assert.equal(desk.object, null);
  assert.equal(desk.picture, album.pictures[0]);
  assert.equal(tools.name, "box", "ready to add another");
  assert.equal(location.hash, "#picture-1");
});

test("what has been drawn is removed on the second press", async () => {
  const { album, asked, desk, drawn, said } = await deskOf([{ ...ONE[0], objects: [{ ...MINE, state: "done" }] }]);
  desk.open(album.objects[0]);
  drawn(album.objects[0]);
  await desk.remove();
  assert.deepEqual(asked, []);
  assert.match(said.at(-1), /once more/);
  await desk.remove();
  assert.deepEqual(asked, ["DELETE api/objects/21"]);
});

test("an older drawing that could not be saved is not sent over a newer one", async () => {
  const statuses = [504, 200, 504, 504, 200];
  const sent = [];
  const put = (blob) => (sent.push(blob.size), { status: statuses.shift() });
  const { album, saver, failed } = await deskOf(ONE, { "PUT api/objects/21/whole?state=done&start=blank": put });
  const [object] = album.objects;
  const save = (size) =>
    saver.save({ object, start: "blank", dirty: false, history: { top: {} }, png: async () => new Blob(["p".repeat(size)]) }, "done");
  save(1); // fails while the next one waits
  save(2);
  assert.ok(object.saving);
  await saver.then(() => {});
  assert.deepEqual([saver.failures, failed.length, object.failed, object.saving], [0, 0, false, false]);
  saver.again();
  save(3); // both fail: the last one is sent again
  save(4);
  await saver.then(() => {});
  assert.deepEqual([saver.failures, failed.length, object.failed], [1, 1, true]);
  saver.again();
  await saver.then(() => {});
  assert.deepEqual([saver.failures, sent], [0, [1, 2, 3, 4, 4]]);
});

test("a removal that fails leaves the object and what waits to be saved; one that was done elsewhere is done", async () => {
  for (const [status, left] of [[507, 1], [404, 0]]) {
    const answers = { "DELETE api/objects/21": () => ({ status }), "PUT api/objects/21/whole?state=done&start=blank": () => ({ status: 507 }) };
    const { album, desk, drawn, saver } = await deskOf(ONE, answers);
    const [object] = album.objects;
    desk.open(object);
    drawn(object);
    desk.answers.accept("done");
    await saver.then(() => {});
    assert.equal(saver.failures, 1);
    desk.open(object);
    await desk.remove();
    await desk.remove();
    assert.equal(album.objects.length, left);
    assert.equal(saver.failures, left);
    assert.equal(Boolean(object.removing), left === 0);
  }
});

test("what was added is something else after all; the last choice counts, one that is refused does not", async () => {
  const answers = { "PUT api/objects/21/category": (sent) => {
    const { category } = JSON.parse(sent);
    return category === "cow" || category === "bull" ? { status: 507 } : { body: { ...MINE, category } };
  } };
  const { album, asked, desk, saver, said } = await deskOf(ONE, answers);
  const [object] = album.objects;
  desk.open(object);
  desk.corrections.setCategory("dog");
  assert.equal(object.category, "dog", "at once");
  desk.corrections.setCategory("cat");
  await saver.then(() => {});
  assert.deepEqual(asked, ["PUT api/objects/21/category", "PUT api/objects/21/category"]);
  assert.equal(object.category, "cat");
  await desk.corrections.setCategory("cat");
  assert.equal(asked.length, 2, "it is one already");
  const told = said.length;
  desk.corrections.setCategory("bull");
  await desk.corrections.setCategory("cow");
  assert.equal(object.category, "cat", "as the server has it");
  assert.deepEqual(said.slice(told).map((text) => text.split(":")[0]), ["It is cat as before"]);
  album.renew({ pictures: [{ id: 1, objects: [{ ...MINE, category: "dog" }] }] }, new Set(["21"])); // another tab's choice
  await desk.corrections.setCategory("cow");
  assert.equal(object.category, "dog");
});

test("an object of the annotations is not removed", async () => {
  const { album, asked, desk, said } = await deskOf(LISTING.pictures);
  await desk.remove();
  assert.deepEqual(said, [], "nothing is open");
  desk.open(album.objects[0]);
  await desk.remove();
  assert.match(said.at(-1), /stays/);
  assert.deepEqual(asked, []);
});

test("an object is added to the picture that is open, even if one has gone on meanwhile", async () => {
  let number = 21;
  const add = { "POST api/pictures/2/objects": () => ({ body: { ...MINE, id: String(++number) } }) };
  const { album, desk, tools } = await deskOf(LISTING.pictures, add);
  const empty = album.pictures[1];
  await desk.openPicture(empty);
  assert.equal(desk.canDraw, false);
  assert.equal(tools.name, "box");
  tools.choose("brush");
  desk.add([0, 0, 5, 5], "cat"); // what it opens is never fetched here
  await new Promise((go) => setTimeout(go, 20));
  assert.equal(desk.object.id, "22");
  assert.equal(location.hash, "#22");
  desk.openPicture(empty);
  const late = desk.add([0, 0, 5, 5], "cat");
  desk.open(album.objects[0]);
  await late;
  assert.equal(desk.object, album.objects[0]);
  assert.equal(empty.objects.length, 2);
});

test("a box that is refused can be dragged again", async () => {
  const { album, desk, said, tools } = await deskOf(LISTING.pictures, { "POST api/pictures/2/objects": () => ({ status: 422, body: { detail: "too small" } }) });
  await desk.openPicture(album.pictures[1]);
  tools.choose("brush");
  await desk.add([0, 0, 1, 1], "cat");
  assert.equal(said.at(-1), "Not added: too small");
  assert.equal(tools.name, "box");
  assert.equal(album.objects.length, 4);
});

test("where the arrows lead from a picture without objects", () => {
  const album = new Album(structuredClone(LISTING));
  assert.equal(album.before(album.pictures[1]), 1);
  assert.equal(album.before(album.pictures[0]), -1);
  assert.equal(album.givesObjects, true);
  for (const one of album.objects) one.added = true;
  assert.equal(album.givesObjects, false);
});

test("the list is filtered by state and by words", () => {
  const [seven, eight] = new Album(structuredClone(LISTING)).objects;
  assert.equal(listed(seven, "all", ""), true);
  assert.equal(listed(seven, "todo", ""), false);
  assert.equal(listed(eight, "todo", "cup a"), true);
  assert.equal(listed(eight, "all", "cup 7"), false);
  seven.failed = true;
  assert.equal(listed(seven, "todo", ""), true, "what could not be saved is always listed");
});

test("a step is taken back and made again, bit by bit", () => {
  const sheet = new Sheet(13, 7);
  sheet.words.fill(0xffffffff, 0, 20);
  const before = sheet.words.slice();
  const band = { x: 2, y: 1, width: 9, height: 4 };
  const piece = change(sheet, band, (on) => {
    on.words[1 * 13 + 2] = 0; // off
    on.words[3 * 13 + 5] = 0x80ffffff; // just opaque enough
    on.words[4 * 13 + 5] = 0x7fffffff; // not quite
    on.words[1 * 13 + 4] = 0xffffffff; // as it was
  });
  assert.equal(piece.grown, 0);
  const after = sheet.words.slice();
  assert.equal(after[3 * 13 + 5], 0xffffffff);
  assert.equal(after[4 * 13 + 5], 0);
  flip(sheet, piece);
  assert.deepEqual(sheet.words, before);
  flip(sheet, piece);
  assert.deepEqual(sheet.words, after);
  assert.equal(change(sheet, band, () => {}), null);
});

test("strips cover a rectangle once", () => {
  const found = [...bands({ x: 3, y: 5, width: 3000, height: 2000 })];
  assert.ok(found.length > 1 && found.every((one) => one.x === 3 && one.width * one.height <= 2 ** 20));
  assert.equal(found.reduce((sum, one) => sum + one.height, 0), 2000);
  found.reduce((row, one) => (assert.equal(one.y, row), row + one.height), 5);
});

test("history: undo, redo, a new branch, and a bound on memory", () => {
  const history = new History();
  const step = (bytes) => ({ pieces: [{ bits: new Uint8Array(bytes) }] });
  const [a, b, c] = [step(1), step(1), step(1)];
  const root = history.top;
  history.add(a);
  history.add(b);
  assert.equal(history.back(), b);
  assert.equal(history.top, a);
  assert.equal(history.forth(), b);
  history.back();
  history.add(c);
  assert.equal(history.canRedo, false);
  assert.deepEqual(history.steps, [a, c]);
  history.back();
  history.back();
  assert.equal(history.back(), null);
  assert.equal(history.top, root);
  for (let i = 0; i < 5; i++) history.add(step(90 * 2 ** 20));
  assert.equal(history.steps.length, 2);
  assert.notEqual(history.top, root, "a mask that cannot be had back is not what was saved");
});

test("shapes know how far they reach", () => {
  const stroke = new Stroke(false, 10, [5, 5]);
  stroke.add([20, 8]);
  assert.deepEqual(stroke.bounds(), { x1: -1, y1: -1, x2: 26, y2: 14 });
  assert.deepEqual(new Polygon(true, [[1, 2], [4, 3], [2, 9]]).bounds(), { x1: 0, y1: 1, x2: 5, y2: 10 });
});

test("no key does two things, but for Enter", () => {
  const keys = KEYS.flatMap((one) => one.keys.map((key) => [key, one.act]));
  const acts = Map.groupBy ? Map.groupBy(keys, ([key]) => key) : keys.reduce((m, k) => m.set(k[0], [...(m.get(k[0]) ?? []), k]), new Map());
  for (const [key, pairs] of acts) assert.equal(new Set(pairs.map(([, act]) => act)).size, 1, key);
  assert.equal(written("ctrl+shift+z"), "Ctrl+Shift+Z");
  assert.equal(written("+"), "+");
});
