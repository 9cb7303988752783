// The keys, in the words of the help, and what presses them.

export const KEYS = [
  { group: "Draw", keys: ["b"], act: "brush", help: "Brush" },
  { group: "Draw", keys: ["e"], act: "eraser", help: "Eraser (the right button of the mouse, or the other end of a pen, too)" },
  { group: "Draw", keys: ["["], code: "BracketLeft", act: "smaller", help: "Smaller brush" },
  { group: "Draw", keys: ["]"], code: "BracketRight", act: "larger", help: "Larger brush" },
  { group: "Draw", keys: ["p"], act: "polygon", help: "Polygon: click its corners, drag one to move it; with Shift at the first corner it takes away" },
  { group: "Draw", keys: ["shift+p"], act: "cutter", help: "Polygon that takes away" },
  { group: "Draw", keys: ["enter"], act: "enter", help: "Close the polygon (a double click, too, or its first corner)" },
  { group: "Draw", keys: ["m"], act: "reopen", help: "Open the polygon that was drawn last again, to move its corners" },
  { group: "Draw", keys: ["backspace"], act: "corner", help: "Remove its last corner; where no polygon is open, an object that was added here" },
  { group: "Draw", keys: ["escape"], act: "escape", help: "Drop it, or leave it as it was if it was opened again; a new or corrected box, too; close Light" },
  { group: "Draw", keys: ["ctrl+z"], act: "undo", help: "Undo; while a polygon is open, of its corners" },
  { group: "Draw", keys: ["ctrl+shift+z", "ctrl+y"], act: "redo", help: "Redo" },
  { group: "Start again (can be undone)", keys: ["d"], act: "draft", help: "From the draft of the networks" },
  { group: "Start again (can be undone)", keys: ["v"], act: "visible", help: "From the visible part" },
  { group: "Start again (can be undone)", keys: ["a"], act: "annotated", help: "From the whole mask of the file, if it has one" },
  { group: "Add", keys: ["r"], act: "box", help: "New object: drag a box around what is seen of it" },
  { group: "Add", keys: ["shift+r"], act: "rebox", help: "Correct the box of an object that was added here: drag a corner of it, or another box" },
  { group: "Add", keys: ["delete"], act: "remove", help: "Remove an object that was added here, with its drawing" },
  { group: "Answer", keys: ["enter"], act: "enter", help: "Done: save, and on to the next to do (or the next listed as drawn or unsure)" },
  { group: "Answer", keys: ["u"], act: "unsure", help: "Unsure: save as such, and on likewise" },
  { group: "Answer", keys: ["x"], act: "todo", help: "To do again: forget what was saved" },
  { group: "Answer", keys: ["ctrl+s"], act: "save", help: "Write the output file now" },
  { group: "Go", keys: ["arrowright", "n"], act: "next", help: "Next of the list" },
  { group: "Go", keys: ["arrowleft", "shift+n"], act: "previous", help: "The one before" },
  { group: "Go", keys: ["pagedown"], act: "nextPicture", help: "Next picture" },
  { group: "Go", keys: ["pageup"], act: "previousPicture", help: "The picture before" },
  { group: "Go", keys: ["/"], act: "search", help: "Search the list" },
  { group: "See", keys: ["+", "="], act: "in", help: "Closer (the wheel, too)" },
  { group: "See", keys: ["-"], act: "out", help: "Farther" },
  { group: "See", keys: ["0"], act: "fit", help: "Fit the object" },
  { group: "See", keys: ["f"], act: "fitPicture", help: "Fit the picture" },
  { group: "See", keys: ["space"], act: "space", help: "Hold and drag: move (the middle button or two fingers, too)" },
  { group: "See", keys: ["h"], act: "hide", help: "Hide the masks: press, or hold" },
  { group: "See", keys: ["o"], act: "others", help: "The other objects, striped" },
  { group: "See", keys: ["l", "shift+l"], act: "brightness", help: "Brighter; with Shift darker: the picture alone, nothing of it is saved" },
  { group: "See", keys: ["c", "shift+c"], act: "contrast", help: "More contrast; with Shift less" },
  { group: "See", keys: ["i"], act: "asItIs", help: "The picture as it is" },
  { group: "See", keys: ["?"], act: "help", help: "This help" },
];

const NAMES = { arrowright: "→", arrowleft: "←", pagedown: "Page down", pageup: "Page up", ctrl: "Ctrl", " ": "space" };

/** A key as the help writes it: "Ctrl+Shift+Z". */
export function written(key) {
  const parts = key.length > 1 ? key.split("+") : [key];
  return parts.map((part) => NAMES[part] ?? part[0].toUpperCase() + part.slice(1)).join("+");
}

/** Calls `actions[act](event)`; `actions.released(event)` when a key is let go. */
export function listen(actions, isBlocked) {
  addEventListener("keydown", (event) => {
    if (event.isComposing || isWriting(event.target) || isBlocked()) return;
    const pressed = name(event);
    if (!pressed || needsKey(event.target, pressed)) return;
    const found = KEYS.find((one) => one.keys.includes(pressed) || (one.code === event.code && !event.ctrlKey && !event.metaKey));
    if (!found) return;
    event.preventDefault();
    actions[found.act](event);
  });
  addEventListener("keyup", (event) => actions.released(event));
}

function name(event) {
  let key = event.key === " " ? "space" : event.key.toLowerCase();
  if (key.length === 1 && key > "\x7f" && /^Key[A-Z]$/.test(event.code)) key = event.code[3].toLowerCase(); // Greek, Cyrillic, ...
  const letter = key.length > 1 || /[a-z]/.test(key);
  const control = event.ctrlKey || event.metaKey;
  const altGr = event.getModifierState("AltGraph");
  if (event.altKey && !altGr) return "";
  return `${control && !altGr ? "ctrl+" : ""}${event.shiftKey && letter ? "shift+" : ""}${key}`;
}

const isWriting = (target) => target.matches?.("textarea, select, input:not([type=range], [type=radio], [type=checkbox])");

/** Buttons need Enter and space for themselves, sliders and choices the arrows, too; Enter there answers nothing. */
export function needsKey(target, key) {
  if (!target.matches?.("button, a, input")) return false;
  return key === "enter" || key === "space" || (target.matches("input") && key.startsWith("arrow"));
}
