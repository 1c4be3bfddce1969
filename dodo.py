"""`doit -f …/dodo.py` and `doit -k` from other folders: doit reads `[tool.doit]` of pyproject.toml only in its own.

In this folder doit finds our loader and commands there, and never opens this file.
"""

import sys

from tinyflow.flow.cli import main

sys.exit(main())
