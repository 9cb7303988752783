"""The frame of a self-contained page: inline style, pictures as data URIs, nothing fetched from anywhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape as _escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STYLE = """
:root { color-scheme: light dark; --paper: #f6f7f9; --card: #ffffff; --ink: #1b1f27; --soft: #667085; --line: #e2e5ea;
  --given: #1e9e57; --found: #2f6bff; --hot: #d9480f; }
@media (prefers-color-scheme: dark) { :root { --paper: #12141a; --card: #1b1e26; --ink: #e8eaf0; --soft: #98a1b3;
  --line: #2c313d; --given: #3ddc84; --found: #6d9bff; --hot: #ff9f66; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 4rem; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Ubuntu, sans-serif; }
nav { position: sticky; top: 0; z-index: 1; display: flex; gap: .4rem; align-items: center; overflow-x: auto;
  padding: .6rem 1.2rem; background: color-mix(in srgb, var(--card) 88%, transparent); backdrop-filter: blur(8px);
  border-bottom: 1px solid var(--line); white-space: nowrap; }
nav a { color: inherit; text-decoration: none; font-size: .85rem; padding: .15rem .6rem; border: 1px solid var(--line);
  border-radius: 1rem; }
nav a:hover { border-color: var(--found); }
nav b { margin-right: .6rem; }
main, header { max-width: 1240px; margin: 0 auto; padding: 1.2rem; }
h1 { font-size: 1.7rem; margin: .6rem 0 .2rem; letter-spacing: -.02em; }
h2 { font-size: 1.25rem; margin: 1.6rem 0 .7rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 0; display: flex; flex-wrap: wrap; gap: .6rem; align-items: baseline; }
p { margin: .3rem 0; }
img { display: block; max-width: 100%; border-radius: 6px; }
img.whole { width: auto; max-height: 80vh; border-radius: 10px; box-shadow: 0 1px 8px #0003; }
.soft { color: var(--soft); } .given { color: var(--given); } .found { color: var(--found); }
.tag { font-size: .8rem; font-weight: 500; color: var(--soft); border: 1px solid var(--line); border-radius: 1rem;
  padding: 0 .55rem; }
.rate { color: var(--hot); }
article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem; margin: 1rem 0; }
.row { display: flex; flex-wrap: wrap; gap: .8rem; margin-top: .8rem; }
figure { margin: 0; width: min-content; min-width: 120px; }
figure img { max-width: none; }
figcaption { font-size: .78rem; color: var(--soft); margin-top: .3rem; }
details { margin-top: .8rem; } summary { cursor: pointer; font-size: .9rem; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
table.strips { font-size: .74rem; margin: .2rem 0 0; } .strips td { padding: 0 .4rem 0 0; }
"""


def escape(text: str) -> str:
    """Text as markup. What no page can hold, a byte of a file's name that is not UTF-8, is spelt out."""
    return _escape(text.encode("utf-8", "backslashreplace").decode())


def document(title: str, links: Sequence[tuple[str, str]], body: str) -> str:
    """A whole HTML page.

    Args:
        title: shown in the window and in the bar; escaped here.
        links: (anchor, text) of the bar that stays at the top; escaped here.
        body: markup, escaped by whoever made it.
    """
    bar = "".join(f'<a href="#{escape(anchor)}">{escape(text)}</a>' for anchor, text in links)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><nav><b>{escape(title)}</b>{bar}</nav>\n{body}\n</body></html>\n"
    )


def figure(picture: NDArray[np.uint8], caption: str, *, alt: str) -> str:
    """A panel with markup below it; ``alt`` is escaped here."""
    height, width = picture.shape[:2]
    return (
        f'<figure><img loading="lazy" width="{width}" height="{height}" alt="{escape(alt)}" src="{data_uri(picture)}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def data_uri(picture: NDArray[np.uint8]) -> str:
    """A picture as JPEG of quality 80 inside a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def shrink(picture: NDArray[np.uint8] | Image.Image, longest_px: int) -> NDArray[np.uint8]:
    """The picture, made smaller where its longer side is over ``longest_px``; one of Pillow's is itself changed."""
    small = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    small.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
    return np.asarray(small)
