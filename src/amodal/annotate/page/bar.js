// Everything around the picture that shows how things stand: buttons, counts, the open object.

const STARTS = {
  annotated: "the whole mask of the file",
  draft: "the draft",
  visible: "the visible part",
  blank: "nothing: its box alone is known",
};
const STATES = { todo: "to do", done: "drawn", unsure: "unsure" };

const at = (id) => document.getElementById(id);
const set = (id, words) => at(id).textContent !== words && (at(id).textContent = words);

export function showTools({ tools, painter, light, desk }) {
  const pressed = {
    brush: tools.name === "brush",
    eraser: tools.name === "eraser",
    polygon: tools.name === "polygon" && !tools.takes,
    cutter: tools.name === "polygon" && tools.takes,
    box: tools.name === "box",
    rebox: tools.name === "rebox",
    hide: painter.hide,
    others: painter.showOthers,
  };
  for (const [act, is] of Object.entries(pressed)) button(act).setAttribute("aria-pressed", String(is));
  at("size").value = toSlider(tools.size);
  set("size-told", `${tools.size} px`);
  at("new-of").hidden = tools.name !== "box" || at("new-category").length < 2;
  at("start").hidden = !at("new-of").hidden; // there is room for one of them
  at("legend-others").hidden = !painter.showOthers;
  button("undo").disabled = !tools.open && !desk.drawing?.history.canUndo;
  button("redo").disabled = !tools.open && !desk.drawing?.history.canRedo;
  button("reopen").disabled = tools.open || !desk.drawing?.polygon;
  button("light").setAttribute("aria-expanded", String(!at("light").hidden));
  button("light").classList.toggle("altered", light.filter !== "");
  for (const what of ["brightness", "contrast"]) {
    at(what).value = light.step(what);
    at(what).setAttribute("aria-valuetext", `${light.percent(what)} %`);
    set(`${what}-told`, `${light.percent(what)} %`);
  }
}

/** The slider is even to the eye: each step makes the brush larger by the same share. */
export const toSlider = (size) => Math.round((100 * Math.log(size / 2)) / Math.log(125));
export const fromSlider = (value) => 2 * 125 ** (value / 100);

export function showObject({ album, picture, object, drawing, problem }) {
  set("category", object?.category ?? (picture ? "no object" : ""));
  const own = at("own-category");
  own.hidden = !object?.added || own.length < 2;
  at("category").hidden = !own.hidden;
  own.disabled = Boolean(object?.removing);
  if (object && own.value !== object.category) own.value = object.category;
  set("id", object ? `${object.id}` : "");
  const state = !object ? "" : object.saving ? "being saved" : object.failed ? "not saved" : STATES[object.state];
  set("state", object?.unsaved && !object.saving && !object.failed ? `${state}, changed` : state);
  at("state").dataset.state = object?.failed ? "failed" : (object?.state ?? "");
  set("hidden", share(drawing?.hidden ?? null));
  const known = !object || object.visible;
  at("legend-hidden").hidden = !known;
  set("legend-seen", known ? "visible" : "whole");
  at("share").hidden = Boolean(object?.added); // never known: there is more room for its buttons
  at("share").title = known ? "Share of the whole object that is hidden" : "Not known: of its visible part the box alone is given";
  set("start", drawing ? `from ${STARTS[drawing.start] ?? drawing.start}` : "");
  for (const act of ["draft", "visible", "unsure", "done"]) button(act).disabled = !drawing;
  button("visible").disabled ||= !object.visible;
  button("draft").disabled ||= !album.drafts;
  button("box").disabled = !picture || Boolean(problem);
  for (const act of ["rebox", "remove"]) button(act).hidden = !object?.added;
  button("rebox").disabled = !drawing;
  button("todo").disabled = !object || (object.state === "todo" && !object.saving && !object.failed);
  at("busy").hidden = !object || Boolean(problem) || Boolean(drawing && !drawing.waiting);
  set("busy", drawing && album.drafts ? "The draft is on its way …" : "Opening …");
}

export function showAlbum(album) {
  const { done, unsure, todo } = album.counts;
  const count = done + unsure + todo;
  set("told", `${done} of ${count}`);
  set("told-more", unsure ? `drawn, ${unsure} unsure` : "drawn");
  set("output", album.output);
  at("output").title = `What is drawn goes to ${album.output}`;
  const bar = at("progress");
  bar.setAttribute("aria-valuemax", String(count));
  bar.setAttribute("aria-valuenow", String(done));
  bar.children[0].style.width = `${(100 * done) / Math.max(1, count)}%`;
  bar.children[1].style.width = `${(100 * unsure) / Math.max(1, count)}%`;
}

/** The kinds that an object added here may be of. */
export function fillCategories(names) {
  for (const id of ["new-category", "own-category"]) {
    at(id).replaceChildren(...[...new Set(names)].map((name) => new Option(name, name)));
  }
}

export function showCard(title, text, action, act) {
  const card = at("card");
  const [heading, words, button] = card.children;
  heading.textContent = title;
  words.textContent = text;
  button.textContent = action;
  button.hidden = !action;
  button.onclick = act;
  card.hidden = false;
}

export const hideCard = () => (at("card").hidden = true);

const button = (act) => document.querySelector(`[data-act="${act}"]`);

function share(hidden) {
  return hidden === null ? "–" : `${(100 * hidden).toFixed(hidden > 0 && hidden < 0.1 ? 1 : 0)} %`;
}
