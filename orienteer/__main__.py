"""``python -m orienteer``."""

import sys

from orienteer.cli import main

sys.exit(main())
