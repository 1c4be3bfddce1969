"""`doit` from other folders (`doit -f …/dodo.py`); in this one it finds tinyflow in pyproject.toml."""

import sys

from tinyflow.flow.cli import main

sys.exit(main())
