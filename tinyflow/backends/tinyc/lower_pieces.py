"""Operators that move bytes: CONCATENATION, SPLIT, PAD, TRANSPOSE, slices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOWERINGS: Mapping[str, Any] = {}
