"""The store gives back whole blobs or none, whatever is beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.core import cache_maintenance, digest
from tinyflow.core.store import Store

ATTRIBUTE = "user.tinyflow.xxh3"


@pytest.fixture
def has_attributes(tmp_path: Path) -> None:
    """Skip where the file system keeps no attributes."""
    (tmp_path / "probe").touch()
    try:
        os.setxattr(tmp_path / "probe", ATTRIBUTE, b"")
    except OSError:
        pytest.skip("this file system keeps no attributes")


def _reads(store: Store, name: str, folder: Path) -> set[bytes | None]:
    """What both ways of reading a blob give."""
    copied = store.copy_blob(name, folder / "copy")
    return {store.read(name), (folder / "copy").read_bytes() if copied else None}


@pytest.mark.usefixtures("has_attributes")
def test_blob_with_a_check_is_not_digested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored here is compared with its check, which is some twenty times as quick."""
    store = Store(tmp_path / "cache")
    name = store.add_bytes(b"content")
    for function in ("of_bytes", "of_file", "copy_digesting"):
        monkeypatch.setattr(digest, function, None)
    assert _reads(store, name, tmp_path) == {b"content"}


@given(position=st.integers(0, 1 << 21), bit=st.integers(0, 7), is_large=st.booleans(), has_check=st.booleans())
def test_no_flipped_bit_is_read(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int, *, is_large: bool, has_check: bool
) -> None:
    """A blob with any one bit flipped is damaged, with its check beside it and without."""
    folder = tmp_path_factory.mktemp("flip")
    data = bytearray(b"content" * (200_000 if is_large else 1))
    (folder / "file").write_bytes(data)
    for read in (lambda store, name: store.read(name), lambda store, name: store.copy_blob(name, folder / "x") or None):
        store = Store(folder / "cache")
        name = store.add_file(folder / "file")
        path = store.blob_path(name)
        path.chmod(0o600)
        data[position % len(data)] ^= 1 << bit
        path.write_bytes(data)  # the same file: its attributes stay
        data[position % len(data)] ^= 1 << bit
        if not has_check and ATTRIBUTE in os.listxattr(path):
            os.removexattr(path, ATTRIBUTE)
        assert read(store, name) is None
        assert not store.has(name)


@pytest.mark.usefixtures("has_attributes")
@pytest.mark.parametrize("check", [b"", b"\xff", b"0" * 32, None])
def test_digest_decides_where_the_check_is_wrong(tmp_path: Path, check: bytes | None) -> None:
    """A lost or damaged check makes no sound blob damaged."""
    store = Store(tmp_path / "cache")
    name = store.add_bytes(b"content")
    path = store.blob_path(name)
    path.chmod(0o600)
    if check is None:
        os.removexattr(path, ATTRIBUTE)
    else:
        os.setxattr(path, ATTRIBUTE, check)
    assert _reads(store, name, tmp_path) == {b"content"}


@pytest.mark.usefixtures("has_attributes")
def test_check_of_another_user_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may write to a shared cache can forge content and check together; its digest tells."""
    store = Store(tmp_path / "cache")
    name = store.add_bytes(b"content")
    path = store.blob_path(name)
    path.chmod(0o600)
    path.write_bytes(b"another")
    os.setxattr(path, ATTRIBUTE, digest.check_of(b"another").encode())
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert _reads(store, name, tmp_path) == {None}


@pytest.mark.usefixtures("has_attributes")
def test_verification_trusts_no_check(tmp_path: Path) -> None:
    """`cache verify` compares with the digest, also where somebody made content and check agree."""
    store = Store(tmp_path / "cache")
    name = store.add_bytes(b"content")
    path = store.blob_path(name)
    path.chmod(0o600)
    path.write_bytes(b"another")
    os.setxattr(path, ATTRIBUTE, digest.check_of(b"another").encode())
    assert cache_maintenance.verify(store).damaged == (name,)
