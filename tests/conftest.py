"""What all tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tinyflow.core.execute import Session


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session with an empty cache and no past."""
    session = Session(tmp_path / "cache", tmp_path / "state")
    yield session
    session.close()
