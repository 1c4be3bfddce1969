"""What xxh3-128 saves beside sha256: a large artifact restored from the cache, a large source that was only touched.

`python benchmarks/large_artifact.py [--megabytes 300]` prints seconds of CPU and their ratio, the best of five each.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tinyflow.core import digest
from tinyflow.core.records import Records
from tinyflow.core.store import Store

_TRIES = 5


def cpu_s(work: Callable[[], object]) -> float:
    """Seconds of CPU of the quickest of some runs."""
    found = []
    for _ in range(_TRIES):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


def main() -> None:
    """Print one line a case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=300)
    size = parser.parse_args().megabytes * 1_000_000
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source, target = folder / "source", folder / "target"
        source.write_bytes(os.urandom(size))
        os.utime(source, ns=(0, 0))
        store = Store(folder / "cache")
        name = store.add_file(source)

        def restore_by_digest() -> None:
            assert digest.copy_file(store.blob_path(name), target) == name

        time.sleep(2.1)  # what changed a moment ago is not remembered
        records = Records(folder / "state.sqlite3")

        def look_after_touch() -> None:
            os.utime(source)
            time.sleep(2.1)
            assert digest.Memo(records).digest(source) == name

        look_after_touch()
        rows = {
            "restored": (cpu_s(restore_by_digest), cpu_s(lambda: store.copy_blob(name, target))),
            "touched": (cpu_s(lambda: digest.of_file(source)), cpu_s(look_after_touch)),
        }
    print(f"{size // 1_000_000} MB; CPU seconds by sha256, by the check beside it")
    for case, (by_digest_s, by_check_s) in rows.items():
        print(f"{case:>10}  {by_digest_s:6.3f}  {by_check_s:6.3f}  {by_digest_s / by_check_s:5.1f} x")


if __name__ == "__main__":
    main()
