"""Floor 3: what was found, for the eye: overlays, plots, tables and self-contained pages."""

from .overlay import draw_predictions
from .page import write_page

__all__ = ["draw_predictions", "write_page"]
