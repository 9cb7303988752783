// What keys and buttons do, by name.

import * as api from "./api.js";
import { help } from "./help.js";

const HOLD_MS = 350; // a key held longer than that was not meant to stay

export function makeActions({ album, desk, tools, painter, view, light, pointer, list, say, moved, changed }) {
  let hidSince = null;

  const go = (sign) => {
    if (!album.objects.length) return say("There is no object yet.");
    const from = desk.object?.index ?? album.before(desk.picture) + (sign < 0 ? 1 : 0);
    const found = album.next(from, sign, (one) => list.has(one));
    if (found && found !== desk.object) desk.open(found);
    else say("There is no other in the list.");
  };
  const choose = (name, takes = false) => {
    if (tools.open && (tools.name !== name || tools.takes !== takes)) return desk.steps.sayOpen();
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

  const lighten = (what) => (event) => {
    light.change(what, event.shiftKey ? -1 : 1);
    say(light.told);
  };

  const showLight = (is) => {
    document.getElementById("light").hidden = !is;
    if (!is) document.getElementById("canvas").focus();
    changed();
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
    rebox: () => {
      if (!desk.object?.added) return say("The box of an object of the annotations stays. Those that were added here can be corrected.");
      choose(tools.name === "rebox" ? "brush" : "rebox");
      if (tools.name === "rebox") say("Drag a corner of its box, or another box around what is seen of it.");
    },
    remove: (event) => event.repeat || (tools.open ? tools.removeCorner() : tools.busy || desk.remove()),
    smaller: () => tools.step(-1),
    larger: () => tools.step(1),
    corner: (event) => (tools.open ? tools.removeCorner() : event.repeat || tools.busy || desk.remove(false)),
    escape: () => {
      if (tools.busy) tools.cancel();
      else if (tools.boxes && desk.object) tools.choose("brush");
      else if (tools.open) desk.steps.drop();
      else if (!document.getElementById("light").hidden) showLight(false);
    },
    undo: () => desk.steps.undo(),
    redo: () => desk.steps.redo(),
    reopen: (event) => event.repeat || desk.steps.reopen(),
    draft: () => desk.startFrom("draft"),
    visible: () => desk.startFrom("visible"),
    annotated: () => desk.startFrom("annotated"),
    enter: (event) => {
      if (event.repeat) return;
      if (tools.open) tools.close();
      else desk.answers.accept("done");
    },
    done: () => desk.answers.accept("done"),
    unsure: (event) => event.repeat || desk.answers.accept("unsure"),
    todo: (event) => event.repeat || desk.answers.toDoAgain(),
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
    light: () => showLight(document.getElementById("light").hidden),
    brightness: lighten("brightness"),
    contrast: lighten("contrast"),
    asItIs: () => {
      light.reset();
      say(light.told);
    },
    help: () => help.show(),
    save: async () => {
      try {
        const { file, objects } = await desk.saver.then(() => api.save());
        say(`${file} is written: ${objects} drawn.`);
      } catch (error) {
        say(`Not written: ${error.message}`, "problem");
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
