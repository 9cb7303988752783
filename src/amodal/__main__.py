"""``python -m amodal``: the same as the command ``amodal``."""

import sys

from .cli.main import main

sys.exit(main())
