"""What is wrong with an annotation file: rules, findings, a report, and what can be mended."""

from .changes import NOT_KEPT, Change
from .findings import RULES, Finding, Rule
from .fix import changes_path, fix_album, write_fixed
from .run import CheckReport, check_album, check_file
from .text import report_text

__all__ = [
    "NOT_KEPT",
    "RULES",
    "Change",
    "CheckReport",
    "Finding",
    "Rule",
    "changes_path",
    "check_album",
    "check_file",
    "fix_album",
    "report_text",
    "write_fixed",
]
