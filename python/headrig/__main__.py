"""`python -m headrig`."""

import sys

from headrig.cli import main

sys.exit(main())
