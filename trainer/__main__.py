"""`python -m trainer`."""

import sys

from console.command import run_command
from trainer.cli import main

if __name__ == "__main__":
    sys.exit(run_command("neudash train", lambda: main(sys.argv[1:])))
