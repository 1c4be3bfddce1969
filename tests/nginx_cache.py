"""A real nginx with WebDAV as a remote cache, on a loopback port."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Run it over `folder`, which is made; the URL of its cache, whose files lie in `folder`/www/cache. May skip."""
    if NGINX is None:
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "www").mkdir(parents=True)
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if Path("/root").owner() == Path.home().owner() else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}"
        f"http {{ access_log off; {places} server {{ listen 127.0.0.1:{port}; root {folder}/www;"
        "location / { dav_methods PUT DELETE; create_full_put_path on; client_max_body_size 0; } } }"
    )
    process = subprocess.Popen([NGINX, "-p", folder, "-c", folder / "nginx.conf"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/cache"
    finally:
        process.terminate()
        process.wait()
