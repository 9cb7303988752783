// Corners that are moved, boxes that are corrected, the light of the picture; run by test_page.py.

import assert from "node:assert/strict";
import { test } from "node:test";

import { actsOf, deskOf, drawingOf, MINE, ONE, page } from "./page_parts.mjs";

const { Album } = await import(new URL("album.js", page));
const { KEYS } = await import(new URL("keys.js", page));
const { Light } = await import(new URL("light.js", page));
const { Painter } = await import(new URL("paint.js", page));
const { Pointer } = await import(new URL("pointer.js", page));
const { Polygon, Stroke } = await import(new URL("shapes.js", page));
const { Tools } = await import(new URL("tools.js", page));
const { View } = await import(new URL("view.js", page));

/** Tools over a picture of 200 x 200 that lies one to one on the screen, and what they have made. */
function toolsOf(box) {
  const view = new View();
  view.resize(200, 200);
  Object.assign(view, { picture: { width: 200, height: 200 }, x: 0, y: 0 });
  const made = [];
  const make = (name) => (what) => made.push([name, what]);
  const acts = { done: make("shape"), boxed: make("new"), reboxed: make("box"), box: () => box, small: make("small"), changed() {} };
  const tools = new Tools(view, acts);
  let time = 0;
  const press = (at, how = {}) => tools.down(at, { erase: false, shift: false, time: (time += 1000), ...how });
  const click = (at, how) => (press(at, how), tools.up());
  const drag = (from, to, how) => (press(from, how), tools.move([to]), tools.up());
  return { view, tools, made, press, click, drag };
}

const SQUARE = [[20, 20], [90, 20], [90, 90], [20, 90]];
const squareOf = (parts) => (parts.tools.choose("polygon"), SQUARE.forEach((at) => parts.click(at)), parts);

test("a corner is dragged, and the move is undone and made again", () => {
  const { tools, drag, press, made } = squareOf(toolsOf());
  const moved = [[20, 20], [90, 20], [120, 130], [20, 90]];
  drag([93, 88], [120, 130]);
  assert.deepEqual(tools.corners, moved);
  tools.undo();
  assert.deepEqual(tools.corners, SQUARE);
  tools.redo();
  assert.deepEqual(tools.corners, moved);
  tools.redo(); // nothing more
  tools.undo();
  tools.undo();
  assert.deepEqual(tools.corners, SQUARE.slice(0, 3));
  tools.redo();
  press([20, 90]);
  tools.move([[50, 150]]);
  assert.equal(tools.busy, true);
  assert.deepEqual(tools.live.points[3], [50, 150]);
  tools.cancel(); // Escape, a second finger: the corner goes back, the polygon stays
  assert.deepEqual([tools.corners, tools.busy], [SQUARE, false]);
  press([20, 90]);
  tools.move([[50, 150]]);
  tools.close(); // Enter, while it is dragged
  assert.deepEqual(made.map(([name, shape]) => [name, shape.points]), [["shape", [...SQUARE.slice(0, 3), [50, 150]]]]);
  assert.equal(tools.open || tools.busy, false);
});

test("a press on a corner moves nothing: on the first it closes, near another it sets one", () => {
  const { tools, click, drag, made } = squareOf(toolsOf());
  drag([90, 90], [91, 91]); // a hand is never still
  assert.deepEqual(tools.corners, [...SQUARE, [90, 90]]);
  tools.undo();
  click([20, 90], { touch: true });
  assert.equal(tools.corners.length, 5);
  tools.removeCorner();
  click([23, 17]);
  assert.deepEqual(made.map(([, shape]) => shape.points), [SQUARE]);
});

test("undo takes a polygon back corner by corner, then leaves it", () => {
  const { tools, click } = toolsOf();
  tools.choose("polygon");
  click([50, 50], { shift: true });
  click([90, 50]);
  assert.equal(tools.live.erase, true);
  tools.undo();
  tools.undo();
  assert.equal(tools.open, false);
  click([60, 60]);
  click([90, 60]);
  assert.equal(tools.live.erase, false);
  tools.undo();
  assert.deepEqual(tools.corners, [[60, 60]]);
});

test("two fingers, or a pen that is taken away, put a corner back; no corner is lost", () => {
  const parts = squareOf(toolsOf());
  const { tools, view } = parts;
  const acts = {};
  const element = { addEventListener: (type, act) => (acts[type] = act), focus() {}, setPointerCapture() {}, getBoundingClientRect: () => ({ left: 0, top: 0 }) };
  new Pointer(element, view, tools, { can: () => true, moved() {}, seen() {} });
  const send = (type, pointerId, x, y, pointerType = "touch") =>
    acts[type]({ pointerId, pointerType, clientX: x, clientY: y, timeStamp: 1e6 + 1000 * x, preventDefault() {} });
  send("pointerdown", 1, 100, 100); // a finger is broad
  send("pointermove", 1, 140, 150);
  assert.deepEqual(tools.corners[2], [140, 150]);
  send("pointerdown", 2, 10, 10);
  assert.deepEqual(tools.corners, SQUARE);
  send("pointerup", 2, 10, 10);
  send("pointerup", 1, 140, 150);
  assert.deepEqual(tools.corners, SQUARE);
  send("pointerdown", 3, 150, 20, "pen");
  send("pointercancel", 3, 150, 20, "pen");
  assert.deepEqual(tools.corners, [...SQUARE, [150, 20]]);
  send("pointerdown", 4, 20, 90);
  send("pointermove", 4, 30, 190);
  send("pointerup", 4, 30, 190);
  assert.deepEqual(tools.corners[3], [30, 190]);
});

test("the box of the open object is corrected by a corner, or dragged anew", () => {
  const { tools, drag, made } = toolsOf([40, 50, 100, 120]);
  const rebox = (from, to, how) => (tools.choose("rebox"), drag(from, to, how));
  rebox([97, 53], [130, 20]); // above, at the right: the corner below, at the left, stays
  rebox([40, 120], [10, 110]);
  rebox([110, 130], [150, 160], { touch: true });
  rebox([110, 130], [150, 160]);
  rebox([42, 52], [99, 119]);
  rebox([10, 10], [11, 90]);
  assert.equal(tools.name, "rebox", "a slip of the hand leaves the tool");
  const boxes = [[40, 20, 130, 120], [10, 50, 100, 110], [40, 50, 150, 160], [110, 130, 150, 160]];
  assert.deepEqual(made, [...boxes.map((box) => ["box", box]), ["small", undefined], ["small", undefined]]);
});

test("a polygon is opened again if it is the last step, and redo has it back", async () => {
  const { album, desk, said, tools } = await deskOf(ONE);
  const polygon = new Polygon(true, [[0, 0], [9, 0], [9, 9]]);
  polygon.paint = (context) => context.words.fill(0xffffffff);
  desk.open(album.objects[0]);
  desk.drawing = drawingOf();
  const start = desk.drawing.context.words.slice();
  desk.steps.reopen();
  assert.match(said.at(-1), /no polygon/);
  desk.draw(polygon);
  assert.equal(desk.drawing.polygon, polygon);
  desk.steps.reopen();
  assert.deepEqual(desk.drawing.context.words, start);
  assert.deepEqual([tools.name, tools.takes, tools.corners], ["polygon", true, polygon.points]);
  desk.steps.reopen();
  assert.match(said.at(-1), /It is open/);
  tools.drop();
  desk.steps.redo();
  assert.equal(desk.drawing.polygon, polygon);
  const stroke = new Stroke(false, 2, [1, 1]);
  stroke.paint = (context) => context.words.fill(0);
  desk.draw(stroke);
  assert.equal(desk.drawing.polygon, null);
});

test("a box is corrected on the server, shown, and the step is undone there, too", async () => {
  const put = (sent) => ({ body: { ...MINE, box: JSON.parse(sent).box } });
  const { album, asked, desk, painter, saver } = await deskOf(ONE, { "PUT api/objects/21/box": put });
  const [object] = album.objects;
  Object.assign(album, { drafts: false });
  desk.open(object);
  desk.drawing = drawingOf();
  painter.scene = { box: object.box };
  const shown = () => [object.box, painter.scene.box, desk.drawing.dirty];
  await desk.corrections.setBox([1, 1, 4, 4]);
  assert.deepEqual(shown(), [[1, 1, 4, 4], [1, 1, 4, 4], false]);
  for (const [act, box] of [["undo", MINE.box], ["redo", [1, 1, 4, 4]], ["undo", MINE.box]]) {
    desk.steps[act]();
    await saver.then(() => {});
    assert.deepEqual(shown(), [box, box, false]);
  }
  assert.equal(asked.length, 4);
});

test("a box that is refused stays; one of the annotations is not asked for", async () => {
  const { album, asked, desk, said } = await deskOf(ONE, { "PUT api/objects/21/box": () => ({ status: 507, body: { detail: "full" } }) });
  const [object] = album.objects;
  desk.open(object);
  desk.drawing = drawingOf();
  await desk.corrections.setBox([1, 1, 4, 4]);
  assert.deepEqual([object.box, said.at(-1), desk.drawing.history.canUndo], [MINE.box, "Its box is as before: full", false]);
  object.added = false;
  await desk.corrections.setBox([1, 1, 4, 4]);
  assert.equal(asked.length, 1);
});

test("where the networks fail one draws without a draft; where the server does one is told", async () => {
  for (const [status, can] of [[424, true], [503, false]]) {
    const { album, desk, loader, said } = await deskOf(ONE);
    drawingOf(); // and what makes one
    const whole = Promise.reject(Object.assign(new Error("There is no draft: the networks fail"), { status }));
    Object.assign(loader, { masks: () => ({ visible: Promise.resolve(null), whole }) });
    await desk.open(album.objects[0]);
    assert.equal(desk.canDraw, can);
    assert.deepEqual([said.at(-1), desk.problem], can ? ["There is no draft: the networks fail (D tries again)", null] : [undefined, "There is no draft: the networks fail"]);
    if (can) assert.deepEqual([desk.drawing.waiting, desk.drawing.start], [false, "blank"]);
  }
});

test("Escape leaves what is under way; undo and redo are the open polygon's", async () => {
  const { album, desk, said, tools } = await deskOf(ONE);
  const light = new Light(() => {});
  const { act } = await actsOf({ album, desk, said, tools, light });
  desk.open(album.objects[0]);
  tools.choose("polygon");
  tools.down([300, 300], { time: 0 });
  tools.up();
  assert.equal(desk.holdsUnsaved, true, "corners, too, would be lost");
  tools.down([300, 300], { time: 9000 });
  tools.move([[350, 350]]);
  act.escape();
  assert.equal(tools.corners.length, 1);
  act.undo();
  assert.equal(tools.open, false);
  tools.down([300, 300], { time: 20_000 });
  tools.down([400, 300], { time: 30_000 });
  act.undo();
  act.redo();
  assert.equal(tools.corners.length, 2);
  act.escape();
  assert.deepEqual([tools.open, tools.name, desk.holdsUnsaved], [false, "polygon", false]);
  act.rebox();
  assert.equal(tools.name, "rebox");
  act.escape();
  assert.equal(tools.name, "brush");
  album.objects[0].added = false;
  act.rebox();
  assert.match(said.at(-1), /of the annotations stays/);
  act.brightness({ shiftKey: true });
  act.contrast({ shiftKey: false });
  assert.equal(light.filter, "brightness(80%) contrast(125%)");
  act.asItIs();
  assert.equal(light.filter, "");
});

test("a box that another tab has corrected is there when the list is read again", () => {
  const album = new Album({ pictures: structuredClone(ONE) });
  album.renew({ pictures: [{ id: 1, objects: [{ ...MINE, box: [2, 2, 6, 6] }] }] }, new Set(["21"]));
  assert.deepEqual(album.objects[0].box, [2, 2, 6, 6]);
});

test("what is painted while one draws is painted anew as far as an outline reaches", () => {
  const made = []; // canvases, each with the rectangles it was cut to
  const canvas = () => {
    const cuts = [];
    const context = new Proxy({ canvas: null }, { get: (_, act) => (act === "rect" ? (...r) => cuts.push(r) : () => {}), set: () => true });
    const one = { width: 100, height: 100, cuts, drawn: [], style: {}, getContext: () => context };
    made.push(one);
    return one;
  };
  globalThis.document = { createElement: canvas };
  for (const ratio of [1, 2, 4]) {
    made.length = 0;
    const view = new View();
    const painter = new Painter(canvas(), view, { resize() {}, show() {} });
    painter.resize(300, 300, ratio);
    view.picture = { width: 300, height: 300 };
    painter.scene = { id: 1, object: "21", picture: {}, drawing: { visible: null, canvas: {}, version: 0 }, box: null };
    painter.live = new Polygon(false, [[50, 50], [90, 50], [90, 90]]);
    painter.paint();
    const left = (one) => one.cuts.length && one.cuts[0][0];
    const layers = made.slice(1).map(left).filter(Boolean);
    const outline = 2 * Math.round(1.25 * ratio);
    const [wide, shown] = [Math.min(...layers), Math.max(...layers)];
    assert.ok(shown - wide >= outline, `${wide} ${shown}`); // the mask with the shape, and its colours
    assert.ok(50 * ratio + view.x * ratio - 1 - shown >= outline, "the outline is not cut");
  }
});

test("the light of the picture: steps, bounds, and as it is", () => {
  let changes = 0;
  const light = new Light(() => (changes += 1));
  assert.equal(light.filter, "");
  light.change("brightness", 1);
  light.change("contrast", -1);
  assert.equal(light.filter, "brightness(125%) contrast(80%)");
  for (let i = 0; i < 30; i++) light.change("brightness", 1);
  assert.equal(light.percent("brightness"), 745);
  light.set("brightness", -99);
  assert.equal(light.percent("brightness"), 26);
  light.reset();
  assert.deepEqual([light.filter, light.told, changes], ["", "The picture is shown as it is.", 34]);
  for (const key of ["l", "shift+l", "c", "shift+c", "i", "m", "shift+r"]) assert.ok(KEYS.some((one) => one.keys.includes(key)), key);
});
