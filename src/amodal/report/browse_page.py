"""The page of `amodal show`: its markup, style and script; nothing in it is fetched from anywhere but beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .html import STYLE, escape
from .words import counted

MARK = '<main id="grid">'
"""What every page of `browse_page` holds, and no other file does."""

_STYLE = """
form { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .5rem .9rem; align-items: end;
  padding: .7rem 1.2rem; background: color-mix(in srgb, var(--card) 92%, transparent); backdrop-filter: blur(8px);
  border-bottom: 1px solid var(--line); }
form label { display: flex; flex-direction: column; font-size: .72rem; color: var(--soft); }
form .range { display: flex; gap: .3rem; align-items: center; line-height: 1; }
form input, form select, form button { font: inherit; font-size: .88rem; color: var(--ink); background: var(--paper);
  border: 1px solid var(--line); border-radius: 8px; padding: .28rem .5rem; max-width: 13rem; }
form input[type=number] { width: 4.6rem; } form input[type=checkbox] { width: auto; }
form label.tick { flex-direction: row; gap: .35rem; align-items: center; padding-bottom: .35rem; color: var(--ink);
  font-size: .84rem; }
form output { margin-left: auto; font-size: .88rem; padding-bottom: .3rem; font-variant-numeric: tabular-nums; }
header { max-width: none; } #grid { display: grid; gap: .9rem; padding: 1rem 1.2rem 2rem; max-width: none;
  grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; display: flex;
  flex-direction: column; margin: 0; padding: 0; }
.card a { display: block; position: relative; background: #8883; aspect-ratio: 4 / 3; }
.card img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; border-radius: 0; }
.card svg { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; }
.card rect { fill: none; stroke: #fff; stroke-width: 1.8; vector-effect: non-scaling-stroke; visibility: hidden;
  filter: drop-shadow(0 0 2px #000); } .card rect.on { visibility: visible; }
.card h2 { font-size: .86rem; font-weight: 600; margin: .5rem .7rem .2rem; overflow-wrap: anywhere; }
.card ul { list-style: none; margin: 0; padding: 0 .7rem .7rem; font-size: .8rem; max-height: 11rem; overflow-y: auto; }
.card li { padding: .08rem .25rem; margin: 0 -.25rem; border-radius: 5px; font-variant-numeric: tabular-nums; }
.card li:hover { background: var(--paper); } .card li.other { opacity: .45; }
.swatch { display: inline-block; width: .7em; height: .7em; border-radius: 50%; margin-right: .35em; }
.bad { color: #d92d20; } .warn { color: #b54708; } .bad, .warn { cursor: help; }
header details ul { max-height: 12rem; overflow-y: auto; font-size: .84rem; }
@media (prefers-color-scheme: dark) { .bad { color: #ff7a70; } .warn { color: #ffb866; } }
#more { height: 2px; } #none { padding: 3rem; text-align: center; color: var(--soft); }
"""

_SCRIPT = r"""
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const form = document.forms[0], grid = document.getElementById("grid"), STEP = 60;
const field = (name) => form.elements[name];
let shown = [], placed = 0;

function option(select, value, text) {
  const one = document.createElement("option");
  one.value = value; one.textContent = text; select.append(one);
}
const uses = new Array(data.categories.length).fill(0);
for (const picture of data.pictures) for (const one of picture.objects) if (one.kind in uses) uses[one.kind] += 1;
data.categories.map((name, kind) => [name, kind]).filter(([, kind]) => uses[kind])
  .sort((a, b) => a[0].localeCompare(b[0]))
  .forEach(([name, kind]) => option(field("kind"), kind, `${name} (${uses[kind]})`));
data.rules.forEach((rule, i) => option(field("finding"), i, rule.name));

const within = (value, low, high) => value !== null && value >= low && value <= high;
function limit(name, fallback) {
  const value = parseFloat(field(name).value);
  return Number.isFinite(value) ? value / 100 : fallback;
}
function objectTest() {
  const kind = field("kind").value, finding = field("finding").value;
  const low = limit("low", 0), high = limit("high", 1), anyRate = low <= 0 && high >= 1;
  const poor = data.compared ? limit("poor", 0) : 0, good = data.compared ? limit("good", 1) : 1;
  const anyFit = poor <= 0 && good >= 1;
  const wanted = (found) => finding === "" || (finding === "any" ? found.length > 0
    : finding === "error" ? found.some(([i]) => data.rules[i].error) : found.some(([i]) => i === Number(finding)));
  const plain = kind === "" && anyRate && anyFit;
  const test = (one) => (kind === "" || one.kind === Number(kind)) && (anyRate || within(one.hidden, low, high))
    && (anyFit || within(one.iou, poor, good)) && wanted(one.found);
  return { test, wanted, plain, all: plain && finding === "" };
}
function choose() {
  const { test, wanted, plain, all } = objectTest(), text = field("name").value.trim().toLowerCase();
  shown = []; let objects = 0;
  for (const picture of data.pictures) {
    if (text && !picture.name.toLowerCase().includes(text)) continue;
    const fits = picture.objects.map(test), count = fits.filter(Boolean).length;
    if (!(count || all || (plain && wanted(picture.found) && picture.found.length))) continue;
    objects += count;
    shown.push({ picture, fits, some: count > 0 && count < fits.length });
  }
  const extreme = (entry, key, pick, none) => pick(...entry.picture.objects.filter((_, i) => entry.fits[i])
    .map((one) => one[key] ?? none), none);
  const order = field("order").value;
  if (order === "hidden") shown.sort((a, b) => extreme(b, "hidden", Math.max, -1) - extreme(a, "hidden", Math.max, -1));
  if (order === "iou") shown.sort((a, b) => extreme(a, "iou", Math.min, 2) - extreme(b, "iou", Math.min, 2));
  field("count").value = `${shown.length} of ${data.pictures.length} pictures, ${objects} objects`;
  const words = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  history.replaceState(null, "", `#${words}`);  // the address shows the same again
  grid.replaceChildren(); placed = 0; more();
  document.getElementById("none").hidden = shown.length > 0;
  window.scrollTo(0, Math.min(window.scrollY, form.offsetTop));
}
function element(tag, className, text) {
  const one = document.createElement(tag);
  if (className) one.className = className;
  if (text !== undefined) one.textContent = text;
  return one;
}
function percent(value) { return value === null ? "" : `${Math.round(100 * value)} %`; }
function rules(parent, found) {
  for (const [i, value] of found) {
    const rule = data.rules[i], badge = element("span", rule.error ? "bad" : "warn", rule.name);
    badge.title = rule.holds + (value ? `\nfound: ${value}` : "");
    parent.append(" ", badge);
  }
}
function card(entry) {
  const { picture, fits, some } = entry, box = element("article", "card"), link = element("a");
  const source = data.compared && field("what").value === "given" ? picture.given : picture.src;
  link.href = source; link.target = "_blank";
  const image = element("img");
  image.loading = "lazy"; image.decoding = "async"; image.alt = picture.name; image.src = source;
  link.append(image);
  const [width, height] = picture.size.map(Number), rect = ([x, y, w, h]) =>
    `<rect x="${x}" y="${y}" width="${w}" height="${h}"/>`;
  const rects = picture.objects.map((one) => rect(one.box.map(Number))).join("");
  link.insertAdjacentHTML("beforeend", `<svg viewBox="0 0 ${width} ${height}" aria-hidden="true">${rects}</svg>`);
  const frames = [...link.querySelectorAll("rect")];
  frames.forEach((frame, i) => frame.classList.toggle("on", some && fits[i]));
  const title = element("h2", "", picture.name);
  rules(title, picture.found);
  const list = element("ul");
  picture.objects.map((one, i) => [one, fits[i], i]).sort((a, b) => b[1] - a[1]).forEach(([one, fit, i]) => {
    const line = element("li", some && !fit ? "other" : ""), dot = element("span", "swatch");
    dot.style.background = one.colour;
    line.append(dot, `${data.categories[one.kind] ?? one.kind} #${one.id}`);
    if (one.hidden !== null)
      line.append(element("span", one.hidden < 0.005 ? "soft" : "rate", ` ${percent(one.hidden)} hidden`));
    if (one.iou !== null) line.append(` IoU ${percent(one.iou)}`);
    rules(line, one.found);
    line.addEventListener("mouseenter", () => frames.forEach((frame, k) => frame.classList.toggle("on", k === i)));
    line.addEventListener("mouseleave",
      () => frames.forEach((frame, k) => frame.classList.toggle("on", some && fits[k])));
    list.append(line);
  });
  box.append(link, title, list);
  return box;
}
function more() {
  const next = shown.slice(placed, placed + STEP);
  placed += next.length;
  grid.append(...next.map(card));
}
new IntersectionObserver((seen) => {
  if (seen.some((one) => one.isIntersecting) && placed < shown.length) more();
}, { rootMargin: "1200px" }).observe(document.getElementById("more"));
let waiting;
form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(choose, 120); });
form.addEventListener("reset", () => setTimeout(choose));
form.addEventListener("submit", (event) => event.preventDefault());
for (const [name, value] of new URLSearchParams(location.hash.slice(1))) if (field(name)) field(name).value = value;
choose();
"""

_COMPARED = """
<label>IoU with the truth, % <span class="range"><input type="number" name="poor" min="0" max="100" placeholder="0"
 aria-label="least IoU"> to <input type="number" name="good" min="0" max="100" placeholder="100"
 aria-label="greatest IoU"></span></label>
<label>drawn <select name="what"><option value="found">predictions</option><option value="given">annotations</option>
</select></label>"""


def browse_page(title: str, summary: str, notes: Sequence[str], data: dict[str, Any]) -> str:
    """The whole page.

    Args:
        title: of the window and the heading; escaped here.
        summary: a sentence below it; escaped here.
        notes: findings about no picture, such as records that could not be read; escaped here.
        data: ``categories`` (names), ``rules`` (``name``, ``error``, ``holds``), ``compared`` (are there predictions),
            ``pictures`` (``name``, ``size``: width and height, ``src``, ``given``, ``found``: pairs of a place in rules
            and the value found, ``objects``: ``id``, ``kind``, ``hidden`` and ``iou`` 0-1 or null, ``box``: x, y,
            width, height in pixels, ``found``, ``colour``).
    """
    inline = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    told = ""
    if notes:
        lines = "".join(f"<li>{escape(note)}</li>" for note in notes)
        heading = f"{counted(len(notes), 'finding')} about records left out or the file as a whole"
        told = f"<details><summary>{heading}</summary><ul>{lines}</ul></details>"
    legend = (
        "White outline: the visible part; coloured outline: the whole; stripes: what is hidden. Tint: an object whose "
        "whole the file does not know. Green box: the visible part's; blue box: the whole's. Point at an object in a "
        "list to see where it is, at a finding to read it."
    )
    compared = _COMPARED if data["compared"] else ""
    worst = '<option value="iou">worst IoU first</option>' if data["compared"] else ""
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}{_STYLE}</style></head>
<body><header><h1>{escape(title)}</h1><p>{escape(summary)}</p><p class="soft">{legend}</p>{told}</header>
<form autocomplete="off">
<label>category <select name="kind"><option value="">all</option></select></label>
<label>hidden share, % <span class="range"><input type="number" name="low" min="0" max="100" placeholder="0"
 aria-label="least hidden share"> to <input type="number" name="high" min="0" max="100" placeholder="100"
 aria-label="greatest hidden share"></span></label>{compared}
<label>finding of check <select name="finding"><option value="">with or without</option><option value="any">any</option>
<option value="error">any error</option></select></label>
<label>file name <input type="search" name="name" size="14"></label>
<label>order <select name="order"><option value="">of the file</option><option value="hidden">most hidden first</option>
{worst}</select></label>
<button type="reset">reset</button><output name="count"></output></form>
{MARK}</main><p id="none" hidden>No picture fits these filters.</p><div id="more"></div>
<noscript><p id="none">This page needs JavaScript for its filters.</p></noscript>
<script type="application/json" id="data">{inline}</script>
<script>{_SCRIPT}</script></body></html>
"""
