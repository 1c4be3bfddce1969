from __future__ import annotations

import tinynn_calls
from tests_support import Shared

tinynn_calls.folder_of = Shared.folder
