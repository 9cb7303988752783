// The help: every key, by what it is for.

import { KEYS, written } from "./keys.js";

const dialog = document.getElementById("help");
const groups = new Map();
for (const one of KEYS) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
for (const [group, keys] of groups) {
  const section = document.createElement("section");
  const title = document.createElement("h3");
  title.textContent = group;
  const table = document.createElement("dl");
  for (const one of keys) {
    const term = document.createElement("dt");
    one.keys.forEach((key) => {
      const shown = document.createElement("kbd");
      shown.textContent = written(key);
      term.append(shown);
    });
    const told = document.createElement("dd");
    told.textContent = one.help;
    table.append(term, told);
  }
  section.append(title, table);
  document.getElementById("help-keys").append(section);
}
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("keydown", (event) => event.key === "?" && dialog.close());

export const help = { show: () => dialog.showModal(), get open() { return dialog.open; } };
