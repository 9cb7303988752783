// The page: puts its parts together. Each part says at its head what it is for.

import { makeActions } from "./actions.js";
import * as api from "./api.js";
import { Album, following } from "./album.js";
import { fillCategories, fromSlider, hideCard, showAlbum, showCard, showObject, showTools } from "./bar.js";
import { Desk } from "./desk.js";
import { help } from "./help.js";
import { listen } from "./keys.js";
import { Light } from "./light.js";
import { List } from "./list.js";
import { Loader } from "./loader.js";
import { Marks } from "./marks.js";
import { Painter } from "./paint.js";
import { Photo } from "./photo.js";
import { Pointer } from "./pointer.js";
import { Saver } from "./saver.js";
import { Status } from "./status.js";
import { Tools } from "./tools.js";
import { View } from "./view.js";

const AGAIN_MS = 8000;
const at = (id) => document.getElementById(id);

async function begin() {
  let album;
  try {
    album = new Album(await api.album());
  } catch (error) {
    return showCard("The objects could not be read", error.message, "Try again", () => location.reload());
  }
  document.title = `${album.title} · amodal annotate`;
  run(album);
}

function run(album) {
  const view = new View();
  const painter = new Painter(at("masks"), view, new Photo(at("picture"), view));
  const light = new Light(() => {
    at("picture").style.filter = light.filter;
    showTools({ tools, painter, light, desk });
  });
  const marks = new Marks(at("canvas"), view);
  const status = new Status({
    again: () => goOn(asked),
    theirs: () => {
      const found = saver.overtaken.find((one) => one.object === asked);
      if (found) desk.takeTheirs(asked, found.theirs);
    },
  });
  const say = (text, kind) => status.say(text, kind);
  const hush = () => status.hush();
  const loader = new Loader();

  const saver = new Saver(album, {
    changed: () => {
      const [other] = saver.overtaken;
      if (saver.failures === 0 && !gone) status.calm();
      else if (other && !asked.failed) notSaved(other.object, other.message, true);
      changed();
    },
    failed: notSaved,
    gone: (object) => desk.gone(object),
  });
  let asked = null; // the object that the bar is about
  function notSaved(object, message, isOvertaken) {
    asked = object;
    const told = `${object.category} ${object.id} is not saved: ${message}`;
    status.alert(told, isOvertaken ? "Save over it" : "Save again", isOvertaken);
  }
  let gone = false;
  api.whenReached((reached) => {
    if (reached && gone) setTimeout(goOn);
    if (!reached && !gone) status.alert("The server does not answer. What is not saved yet is kept in this page.");
    gone = !reached;
  });
  function goOn(over = null) {
    if (saver.failures) saver.again(over);
    else status.calm();
    if (desk.problem) openAgain();
  }
  setInterval(() => gone && saver.failures && !saver.waiting && saver.again(), AGAIN_MS);

  const open = (one) => (one.objects ? desk.openPicture(one) : desk.open(one)); // a picture or an object
  const openAgain = () => open(desk.object ?? desk.picture);

  const tools = new Tools(view, {
    done: (shape) => desk.draw(shape),
    boxed: (box) => desk.add(box, at("new-category").value),
    reboxed: (box) => desk.corrections.setBox(box),
    box: () => desk.object.box,
    hush,
    small: () => say("That box is too small: drag one of 4 pixels or more on the screen, and 2 of the picture. + is closer."),
    changed: () => {
      painter.live = tools.live;
      painter.ask();
      seen();
      showTools({ tools, painter, light, desk });
    },
  });
  const desk = new Desk({ album, loader, saver, painter, view, tools, say, hush, changed: () => changed(), finished,
    following: (object, isReview) => following(album, list, object, isReview) });
  fillCategories(album.categories);
  const list = new List(album, at("list"), (one) => {
    open(one);
    at("canvas").focus();
  });
  const pointer = new Pointer(at("canvas"), view, tools, { can, moved, seen });

  function can() {
    if (tools.name === "rebox") return desk.canDraw && Boolean(desk.object.added) && !desk.drawing.waiting;
    return tools.name === "box" ? Boolean(painter.scene) && !desk.problem : desk.canDraw;
  }

  function moved() {
    painter.ask();
    seen();
  }

  function seen() {
    const drawing = can() && !pointer?.panning;
    const ring = drawing && (tools.name === "brush" || tools.name === "eraser") && pointer.at;
    marks.ring = ring ? { at: ring, diameter: Math.max(tools.size, 1.5 * view.scale) } : null;
    marks.corners = tools.corners;
    marks.to = tools.to ?? null;
    marks.frame = tools.frame;
    marks.box = tools.name === "rebox" && drawing ? desk.object.box : null;
    const corner = pointer?.at && tools.isAtCorner(pointer.at, false);
    const cursor = !drawing ? "default" : ring ? "none" : corner ? "move" : "crosshair";
    at("canvas").style.cursor = pointer?.panning ? "grab" : cursor;
    marks.ask();
  }

  /** Reads the list again: other tabs may have added, drawn and removed meanwhile. */
  let reading = false;
  async function renew() {
    if (reading || gone) return;
    reading = true;
    try {
      const known = new Set(album.byId.keys());
      const listing = await saver.then(() => api.album()); // after what was sent so far: no older state comes back
      await desk.renewed(album.renew(listing, known));
    } catch (error) {
      if (error.status) say(error.message, "problem");
    } finally {
      reading = false;
    }
  }

  let revealed = null;
  let troubled = false;
  function changed() {
    showObject(desk);
    showTools({ tools, painter, light, desk });
    showAlbum(album);
    painter.ask();
    seen();
    const shown = desk.object ?? desk.picture;
    if (shown !== revealed) {
      revealed = shown;
      hideCard();
      say("");
      list.reveal(shown);
    } else list.refresh();
    if (troubled && !desk.problem) hideCard();
    troubled = Boolean(desk.problem);
    if (troubled) showCard("This could not be opened", desk.problem, "Try again", () => (hideCard(), openAgain()));
  }

  async function finished() {
    if (list.words && !album.finished) return say("Saved. No other that is listed is to do.");
    if (!album.givesObjects) return say("Saved. R adds another object, Page down opens the next picture.");
    if (!album.finished) return say("Saved. There is no other in the list.");
    const { done, unsure } = album.counts;
    const also = unsure ? `, ${unsure} unsure: the filter at the left lists those` : "";
    const written = await api.save().catch((error) => say(error.message, "problem"));
    const where = written ? ` The file is ${album.output}.` : "";
    if (desk.problem) return;
    const title = unsure ? "Nothing is left to do" : "All is drawn";
    showCard(title, `${done} objects drawn${also}.${where}`, "Look at them again", hideCard);
  }

  const actions = makeActions({ album, desk, tools, painter, view, light, pointer, list, say, moved, changed });
  listen(actions, () => help.open);
  addEventListener("blur", actions.released);
  addEventListener("focus", () => {
    if (saver.failures || desk.problem) goOn();
    renew();
  });
  wireControls({ actions, tools, light, list, desk });

  new ResizeObserver(() => {
    const { clientWidth, clientHeight } = at("stage");
    painter.resize(clientWidth, clientHeight, devicePixelRatio);
    marks.resize(clientWidth, clientHeight, devicePixelRatio);
  }).observe(at("stage"));

  addEventListener("beforeunload", (event) => {
    if (desk.holdsUnsaved) event.preventDefault();
  });
  const wished = () => {
    const word = location.hash.slice(1);
    return album.byId.get(word) ?? album.pictures.find((one) => word === `picture-${one.id}`);
  };
  addEventListener("hashchange", () => {
    const one = wished();
    if (one && one !== (desk.object ?? desk.picture)) open(one);
  });

  changed();
  if (!album.pictures.length) return showCard("There is nothing to draw", `${album.title} has no pictures.`, "");
  const wanted = wished();
  const unknown = location.hash.length > 1 && !wanted && `There is no object ${location.hash.slice(1)} to draw.`;
  const bare = album.givesObjects ? album.objects[0] : album.pictures.find((one) => !one.objects.length);
  open(wanted ?? album.nextToDo(null) ?? bare ?? album.objects[0] ?? album.pictures[0]);
  if (unknown) say(unknown, "problem");
  if (!wanted && album.finished && album.givesObjects) finished();
}

function wireControls({ actions, tools, light, list, desk }) {
  for (const button of document.querySelectorAll("[data-act]")) {
    button.addEventListener("click", (event) => {
      actions[button.dataset.act](event);
      if (event.detail && !help.open) at("canvas").focus(); // by pointer: the keys are the picture's again
    });
  }
  at("size").addEventListener("input", (event) => tools.resize(fromSlider(event.target.value)));
  for (const what of ["brightness", "contrast"]) {
    at(what).addEventListener("input", (event) => light.set(what, Number(event.target.value)));
  }
  for (const id of ["size", "brightness", "contrast"]) at(id).addEventListener("pointerup", () => at("canvas").focus());
  wireChoice(at("new-category"), () => {});
  wireChoice(at("own-category"), (category) => desk.corrections.setCategory(category));
  at("filter").addEventListener("change", (event) => {
    list.filter = event.target.value;
    list.refresh();
  });
  at("filter").addEventListener("click", (event) => event.detail && at("canvas").focus());
  at("search").addEventListener("input", (event) => {
    list.words = event.target.value.trim();
    list.refresh();
  });
  at("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "Escape") at("canvas").focus();
    if (event.key === "Escape") at("search").value = list.words = "";
    list.refresh();
  });
}

function wireChoice(select, choose) {
  let typed = false; // each key changes the choice: the next one is not for the picture yet
  select.addEventListener("pointerdown", () => (typed = false));
  select.addEventListener("keydown", (event) => {
    typed = true;
    if (event.key === "Enter" || event.key === "Escape") at("canvas").focus();
  });
  select.addEventListener("change", () => {
    choose(select.value);
    if (!typed) at("canvas").focus();
  });
}

begin();
