// What keys and buttons do, by name.

import * as api from "./api.js";
import { OPEN_POLYGON } from "./desk.js";
import { help } from "./help.js";

const HOLD_MS = 350; // a key held longer than that was not meant to stay

export function makeActions({ album, desk, tools, painter, view, pointer, list, say, moved, changed }) {
  let hidSince = null;

  const go = (sign) => {
    if (!album.objects.length) return say("There is no object yet.");
    const from = desk.object?.index ?? album.before(desk.picture) + (sign < 0 ? 1 : 0);
    const found = album.next(from, sign, (one) => list.has(one));
    if (found && found !== desk.object) desk.open(found);
    else say("There is no other in the list.");
  };
  const choose = (name, takes = false) => {
    if (tools.open && (tools.name !== name || tools.takes !== takes)) return say(OPEN_POLYGON);
    tools.choose(name, takes);
  };
  const goPicture = (sign) => {
    const found = desk.picture && album.nextPicture(desk.picture, sign);
    if (found) desk.openPicture(found);
  };
  const zoom = (factor) => {
    view.zoom(factor, pointer.at ?? undefined);
    moved();
  };

  return {
    brush: () => choose("brush"),
    eraser: () => choose("eraser"),
    polygon: () => choose("polygon", false),
    cutter: () => choose("polygon", true),
    box: () => {
      if (desk.object) document.getElementById("new-category").value = desk.object.category;
      choose(tools.name === "box" && desk.object ? "brush" : "box");
    },
    remove: (event) => event.repeat || (tools.open ? tools.removeCorner() : tools.busy || desk.remove()),
    smaller: () => tools.step(-1),
    larger: () => tools.step(1),
    corner: (event) => (tools.open ? tools.removeCorner() : event.repeat || tools.busy || desk.remove(false)),
    escape: () => tools.drop(),
    undo: () => (tools.open ? tools.removeCorner() : desk.undo()),
    redo: () => desk.redo(),
    draft: () => desk.startFrom("draft"),
    visible: () => desk.startFrom("visible"),
    annotated: () => desk.startFrom("annotated"),
    enter: (event) => {
      if (event.repeat) return;
      if (tools.open) tools.close();
      else desk.accept("done");
    },
    done: () => desk.accept("done"),
    unsure: (event) => event.repeat || desk.accept("unsure"),
    todo: (event) => event.repeat || desk.toDoAgain(),
    next: () => go(1),
    previous: () => go(-1),
    nextPicture: () => goPicture(1),
    previousPicture: () => goPicture(-1),
    search: () => {
      document.getElementById("unfold").checked = true; // in narrow windows the list is folded
      document.getElementById("search").select();
    },
    in: () => zoom(1.25),
    out: () => zoom(0.8),
    fit: () => (desk.object && desk.fitObject(), moved()),
    fitPicture: () => (view.fitPicture(), moved()),
    space: () => {
      pointer.space = true;
      pointer.seen();
    },
    hide: (event) => {
      if (event.repeat) return;
      painter.hide = !painter.hide;
      hidSince = event.type === "keydown" ? event.timeStamp : null;
      changed();
    },
    others: () => {
      painter.showOthers = !painter.showOthers;
      desk.fetchOthers();
      changed();
    },
    help: () => help.show(),
    save: async () => {
      try {
        const { file, objects } = await desk.saver.then(() => api.save());
        say(`${file} is written: ${objects} drawn.`);
      } catch (error) {
        say(error.message, "problem");
      }
    },
    released: (event) => {
      if (event.key === " " || event.type === "blur") {
        pointer.space = false;
        pointer.seen();
      }
      if (hidSince === null || event.key?.toLowerCase() !== "h") return;
      if (event.timeStamp - hidSince > HOLD_MS) {
        painter.hide = !painter.hide;
        changed();
      }
      hidSince = null;
    },
  };
}
