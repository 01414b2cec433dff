"""`python -m player`."""

import sys

from console.command import run_command
from player.cli import main

if __name__ == "__main__":
    sys.exit(run_command("neudash play", lambda: main(sys.argv[1:])))
