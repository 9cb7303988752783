"""``python -m amodal``, and the command ``amodal``."""

import sys


def run() -> int:
    """Run the command line. Interrupted while libraries are still being loaded, it is one line and 130, too."""
    try:
        from .cli.main import main

        return main()
    except KeyboardInterrupt:
        print("amodal: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(run())
