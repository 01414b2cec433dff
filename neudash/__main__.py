"""`python -m neudash`."""

import sys

from neudash.cli import main

if __name__ == "__main__":
    sys.exit(main())
