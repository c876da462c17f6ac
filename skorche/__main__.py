"""`python -m skorche`: the command line."""

import sys

from skorche.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
