"""``--help`` that says of an option's type and default what is worth saying."""

from __future__ import annotations

import re
from argparse import Action

from jsonargparse import DefaultHelpFormatter


class PlainHelp(DefaultHelpFormatter):
    """jsonargparse's help without defaults that are nothing, and without types where any word will do."""

    def _get_help_string(self, action: Action) -> str:
        text, own = super()._get_help_string(action), action.help or ""
        notes = re.fullmatch(r" \((.*)\)", text[len(own) :]) if text.startswith(own) else None
        if notes is None:
            return text
        kept = [note for note in notes[1].split(", ") if self._is_worth_saying(note, action)]
        kind = (self._get_type_str(action) or "").removesuffix(" | null")
        return own + (f" ({', '.join(kept)})".replace("%(type)s", kind) if kept else "")

    def _is_worth_saying(self, note: str, action: Action) -> bool:
        if note == "required":
            return bool(action.option_strings)  # a word that may be given in another's place is not
        if note == "type: %(type)s":
            kind = self._get_type_str(action) or ""
            return kind not in ("str", "str | null") and not kind.startswith("Literal[")  # these stand before the help
        if note == "default: %(default)s":
            return not (action.default is None or action.default is False or action.default in ("", []))
        return True
