// Two tabs on one output; run by test_page.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { deskOf, LISTING, MINE, ONE, page } from "./page_parts.mjs";

const { Album } = await import(new URL("album.js", page));
const PUT = "PUT api/objects/21/whole?state=done&start=blank&revision=";
const FIRST = [{ ...ONE[0], objects: [{ ...MINE, revision: "" }, { ...MINE, id: "22", revision: "" }] }];

test("what another tab has drawn is not overwritten unasked", async () => {
  const theirs = { ...MINE, state: "unsure", revision: "theirs", hidden: 0.5 };
  const answers = {
    [`${PUT}`]: () => ({ status: 409, body: { detail: "it was drawn in another tab meanwhile", entry: theirs } }),
    [`${PUT}theirs`]: () => ({ body: { ...theirs, state: "done", revision: "mine" } }),
    [`${PUT}mine`]: () => ({ body: { ...theirs, state: "done", revision: "mine 2" } }),
  };
  const { album, asked, desk, drawn, failed, saver } = await deskOf(FIRST, answers);
  const [object] = album.objects;
  desk.open(object);
  const drawing = drawn(object);
  desk.answers.accept("done");
  await saver.then(() => {});
  assert.deepEqual([object.failed, saver.failures, failed.length], [true, 1, 1]);
  assert.deepEqual(saver.overtaken.map((one) => one.theirs), [theirs]);
  saver.again(); // as the page does by itself
  await saver.then(() => {});
  assert.equal(asked.length, 1);
  saver.again(album.objects[1]); // another one is saved over
  await saver.then(() => {});
  assert.equal(asked.length, 1);
  saver.again(object);
  await saver.then(() => {});
  assert.deepEqual([object.failed, object.state, object.revision, drawing.revision], [false, "done", "mine", "mine"]);
  desk.answers.accept("done");
  await saver.then(() => {});
  assert.deepEqual(asked, [PUT, `${PUT}theirs`, `${PUT}mine`]);
  assert.equal(drawing.revision, "mine 2");
});

test("what another tab has drawn is loaded in place of what is drawn here", async () => {
  const theirs = { ...MINE, state: "unsure", revision: "theirs", hidden: 0.5 };
  const { album, desk, drawn, saver } = await deskOf(FIRST, { [PUT]: () => ({ status: 409, body: { entry: theirs } }) });
  const [object, other] = album.objects;
  desk.open(object);
  drawn(object).dirty = true;
  desk.answers.accept("done");
  await saver.then(() => {});
  desk.open(other);
  desk.takeTheirs(object, saver.overtaken[0].theirs);
  assert.equal(desk.object, object);
  assert.equal(desk.drawing, null, "fetched anew");
  assert.deepEqual([object.failed, object.unsaved, object.state, object.revision, saver.failures], [false, false, "unsure", "theirs", 0]);
  assert.deepEqual(album.counts, { todo: 1, done: 0, unsure: 1 });
});

test("what another tab has drawn is not removed unasked", async () => {
  const theirs = { ...MINE, state: "done", revision: "theirs", hidden: 0.5 };
  const overtaken = () => ({ status: 409, body: { detail: "it was drawn in another tab meanwhile", entry: theirs } });
  const { album, asked, desk, drawn, said } = await deskOf(FIRST, { "DELETE api/objects/21?revision=": overtaken });
  const [object, other] = album.objects;
  desk.open(object);
  drawn(object);
  await desk.remove();
  assert.deepEqual([object.removing, object.state, object.revision], [false, "done", "theirs"]);
  assert.equal(said.at(-1), "Not removed: it was drawn in another tab meanwhile");
  assert.equal(desk.object, object);
  assert.equal(desk.drawing, null, "fetched anew");
  drawn(object);
  await desk.remove();
  assert.match(said.at(-1), /It has been drawn/);
  await desk.remove();
  assert.deepEqual(asked, ["DELETE api/objects/21?revision=", "DELETE api/objects/21?revision=theirs"]);
  assert.deepEqual(album.objects, [other]);
});

test("the server is told which page asks, and in what order", async () => {
  const told = [];
  const lost = (_, headers) => (told.push(headers), { status: 504 });
  const answers = { [PUT]: lost, "DELETE api/objects/21/whole?revision=": lost, "DELETE api/objects/21?revision=": lost };
  const { album, desk, drawn, saver } = await deskOf(FIRST, answers);
  const [object] = album.objects;
  desk.open(object);
  drawn(object);
  desk.answers.accept("done");
  await saver.then(() => {});
  await desk.answers.toDoAgain();
  await desk.remove();
  assert.equal(told.length, 3);
  assert.equal(new Set(told.map((one) => one["X-Page"])).size, 1);
  assert.ok(told[0]["X-Page"]);
  const turns = told.map((one) => Number(one["X-Turn"]));
  assert.deepEqual(turns, [turns[0], turns[0] + 1, turns[0] + 2]);
});

test("what another tab has removed leaves the list", async () => {
  const { album, desk, drawn, failed, said, saver } = await deskOf(FIRST, { [PUT]: () => ({ status: 404 }) });
  const [object, other] = album.objects;
  desk.open(object);
  drawn(object);
  desk.answers.accept("done");
  await saver.then(() => {});
  await new Promise((go) => setTimeout(go));
  assert.deepEqual(album.objects, [other]);
  assert.deepEqual([saver.failures, failed.length], [0, 0]);
  assert.match(said.at(-1), /cat 21 has been removed in another tab/);
  assert.equal(desk.object, other);
});

test("one that is removed elsewhere is not opened", async () => {
  const { album, desk, loader } = await deskOf(FIRST);
  const [object, other] = album.objects;
  const gone = Promise.reject(Object.assign(new Error("no object"), { status: 404 }));
  gone.catch(() => {});
  const { masks } = loader;
  loader.masks = (one) => (one === object ? { visible: gone, whole: gone } : masks());
  desk.open(object);
  await new Promise((go) => setTimeout(go));
  assert.deepEqual(album.objects, [other]);
  assert.equal(desk.object, other);
  assert.equal(desk.problem, null);
});

test("the list is read again", () => {
  const listing = structuredClone(LISTING);
  for (const { objects } of listing.pictures) for (const one of objects) Object.assign(one, { revision: "", hidden: null });
  const album = new Album(structuredClone(listing));
  const [seven, eight, nine, ten] = album.objects;
  const late = album.add({ id: 31, category: "cat", state: "todo", added: true }, album.pictures[0]);
  const removed = album.add({ id: 32, category: "cat", state: "todo", added: true }, album.pictures[0]);
  const known = new Set(album.byId.keys());
  const mine = album.add({ id: 33, category: "cat", state: "todo", added: true }, album.pictures[0]); // since it was asked for
  album.remove(removed);
  Object.assign(listing.pictures[0].objects[1], { state: "done", revision: "b", hidden: 0.25, category: "mug" });
  Object.assign(listing.pictures[2].objects[0], { state: "done", revision: "c" });
  nine.saving = true;
  listing.pictures[0].objects.push({ id: 32, category: "cat", state: "todo" });
  listing.pictures[1].objects.push({ id: 34, category: "cow", state: "unsure", revision: "d", added: true });
  assert.deepEqual(album.renew(listing, known), [late]);
  assert.deepEqual([eight.state, eight.revision, eight.hidden, eight.category], ["done", "b", 0.25, "mug"]);
  assert.equal(nine.state, "unsure", "its own answer is on its way");
  assert.deepEqual(album.objects.map((one) => one.id), [7, 8, 31, 33, 34, 9, 10]);
  assert.deepEqual(album.counts, { todo: 3, done: 2, unsure: 2 });
  assert.ok(seven && ten && mine);
});

test("the open object shows what another tab has drawn, unless it is drawn on", async () => {
  const { album, desk, drawn, said } = await deskOf(FIRST);
  const [object] = album.objects;
  desk.open(object);
  const drawing = drawn(object);
  await desk.renewed([]);
  assert.equal(desk.drawing, drawing);
  object.revision = "theirs";
  drawing.dirty = true;
  await desk.renewed([]);
  assert.equal(desk.drawing, drawing, "it is told when it is saved");
  drawing.dirty = false;
  desk.renewed([]);
  await new Promise((go) => setTimeout(go));
  assert.equal(desk.drawing, null, "fetched anew");
  assert.equal(desk.object, object);
  assert.ok(said);
});
