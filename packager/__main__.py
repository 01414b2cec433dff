"""`python -m packager`."""

import sys

from console.command import run_command
from packager.cli import main

if __name__ == "__main__":
    sys.exit(run_command("neudash package", lambda: main(sys.argv[1:])))
