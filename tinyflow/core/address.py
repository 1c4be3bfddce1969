"""Addresses of servers: what opens them (user and password, a token, a query) is kept apart from what may be shown."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote_to_bytes, urlsplit

# Colons separate entries and are in addresses: behind the scheme, in front of password and port, in IPv6.
_ENTRY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/]*@)?(?:\[[^]]*\]|[^/:?]*)(?::\d+)?(?:[/?][^:]*)?|[^:]+")
_SAFE = "%/:;,=&+$!*'()~@?"  # what stays as it is in paths and queries: it was encoded by who wrote it


@dataclass(frozen=True)
class Address:
    """Where a server is and what opens it. Only `shown` may be printed or kept."""

    shown: str  # scheme, host, port and path
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str, token: str | None = None) -> Address:
        """The meaning of `https://[user:password@]host[:port]/path[?query]`, `token` being a bearer token.

        ValueError says what is wrong, and repeats nothing of the text, which may have secrets anywhere.
        """
        try:
            parts = urlsplit(text.strip())
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError("its host or port can't be understood; / # ? of a password are %2F %23 %3F") from None
        if parts.scheme not in ("http", "https"):
            raise ValueError("it must begin with http:// or https://")
        if not host or not host.isascii() or not host.isprintable() or " " in host:
            raise ValueError("it has no host that can be understood")
        rest = parts.path + parts.query + parts.fragment
        if "@" in rest and (port is not None or "." not in host):  # else it is hardly a part of a password
            raise ValueError('it has an "@" behind the host; / # ? of a password are %2F %23 %3F, @ of a path is %40')
        place = f"[{host}]" if ":" in host else host
        place += "" if port is None else f":{port}"
        path = quote(_bytes(parts.path), safe=_SAFE)
        return cls(
            f"{parts.scheme}://{place}{path}",
            quote(_bytes(parts.query), safe=_SAFE),
            _authorization(parts.netloc.rpartition("@")[0], token),
        )

    @property
    def place(self) -> str:
        """Scheme, host and port, as in a URL."""
        parts = urlsplit(self.shown)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        parts = urlsplit(self.shown)
        return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def target(self) -> str:
        """What a request for it asks for: path and query."""
        return urlsplit(self.shown).path + (f"?{self.query}" if self.query else "")

    def below(self, path: str) -> Address:
        """Something below it, opened by the same."""
        return replace(self, shown=f"{self.shown.rstrip('/')}/{path}")

    def opens(self, other: Address) -> bool:
        """Whether another address lies below this one."""
        return other.shown.startswith(self.shown.rstrip("/") + "/")


def places_in(text: str) -> list[str | Address]:
    """Folders and addresses that colons separate. ValueError, as `Address.parse` raises it, tells which is none."""
    found: list[str | Address] = []
    for number, entry in enumerate(_ENTRY.findall(text), 1):
        try:
            found.append(Address.parse(entry) if "://" in entry else entry)
        except ValueError as error:
            raise ValueError(f"entry {number} is not an address: {error}") from None
    return found


def without_secrets(text: str) -> str:
    """A text that may be an address, in any form, as it may be shown."""
    shown = re.sub(r"(?s)^\s*([A-Za-z][\w+.-]*:/+)?.*@", r"\1…@", text)
    return re.sub(r"(?s)[?#].*", "?…", shown) if "://" in text else shown


def _authorization(user: str, token: str | None) -> dict[str, str]:
    """The header that opens a server. ValueError for what can be no header."""
    if token:
        token = token.strip()
        if not token.isascii() or not token.isprintable():
            raise ValueError("the token has a line break, or another character that can't be in a header")
        return {"Authorization": f"Bearer {token}"}
    if not user:
        return {}
    name, _, password = user.partition(":")
    secret = unquote_to_bytes(_bytes(name)) + b":" + unquote_to_bytes(_bytes(password))
    return {"Authorization": "Basic " + base64.b64encode(secret).decode()}


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
