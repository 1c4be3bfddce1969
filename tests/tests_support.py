"""What several test modules need and no fixture can give."""

from __future__ import annotations

from tinyflow.core import digest


class _ForgetfulTable:
    """Keeps no memo."""

    def get_memo(self, path: str) -> tuple[digest.Stamp, str] | None:
        """Nothing."""
        return None

    def put_memo(self, path: str, stamp: digest.Stamp, text: str) -> None:
        """Nowhere."""


NO_MEMO = digest.Memo(_ForgetfulTable())
