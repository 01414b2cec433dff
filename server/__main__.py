"""Entry point of `python -m server`."""

import sys

from console.command import run_command
from server.cli import main

if __name__ == "__main__":
    sys.exit(run_command("neudash serve", lambda: main(sys.argv[1:])))
