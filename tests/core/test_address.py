"""Addresses of servers: what may be shown, what opens them, and what is refused without repeating a secret."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.core.address import Address, places_in, without_secrets


@pytest.mark.parametrize(
    ("text", "shown", "target", "origin"),
    [
        ("http://host", "http://host", "", ("http", "host", 80)),
        ("https://host/a/b", "https://host/a/b", "/a/b", ("https", "host", 443)),
        (" https://host:8443/a?t=1&u=2 ", "https://host:8443/a", "/a?t=1&u=2", ("https", "host", 8443)),
        ("http://u:p@HOST:81/x", "http://host:81/x", "/x", ("http", "host", 81)),
        ("http://[::1]:5/x y", "http://[::1]:5/x%20y", "/x%20y", ("http", "::1", 5)),
        ("http://host/%2F?é", "http://host/%2F", "/%2F?%C3%A9", ("http", "host", 80)),
    ],
)
def test_an_address_has_its_parts(text: str, shown: str, target: str, origin: tuple[str, str, int]) -> None:
    """Nothing that opens it is shown, nor in its own spelling."""
    found = Address.parse(text)
    assert (found.shown, found.target, found.origin) == (shown, target, origin)
    assert found.place == "/".join(shown.split("/")[:3])
    assert "t=1" not in repr(found) and "u:p" not in repr(found)
    assert found.below("c").shown == shown.rstrip("/") + "/c"
    assert found.below("c").headers == found.headers and found.opens(found.below("c"))
    assert not found.opens(found) and not found.opens(Address.parse("http://other/c"))


def test_what_opens_it_is_a_header() -> None:
    """Of user and password, percent-encoded or not; a token takes precedence over both."""

    def header(text: str, token: str | None = None) -> str | None:
        return Address.parse(text, token).headers.get("Authorization")

    def basic(text: str) -> str:
        return "Basic " + base64.b64encode(text.encode()).decode()

    assert header("http://host") is None
    assert header("http://me:secret@host") == basic("me:secret")
    assert header("http://me@host") == basic("me:")
    assert header("http://m%40e:s%2Fé@host") == basic("m@e:s/é")
    assert header("http://me:secret@host", " t0k ") == header("http://host", "t0k") == "Bearer t0k"
    assert header("http://me:secret@host", "") == basic("me:secret")
    for token in ("a\nb", "ü", "a\x7fb"):
        with pytest.raises(ValueError, match="the token has a line break"):
            Address.parse("http://host", token)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ftp://me:secret@host", "must begin with http:// or https://"),
        ("me:secret@host", "must begin with"),
        ("http://", "no host"),
        ("http://me:secret@", "no host"),
        ("http://hö st", "no host"),
        ("http://me:se/cret@host", "host or port can't be understood"),
        ("http://host:99999", "host or port can't be understood"),
        ("http://me:1/cret@host", 'it has an "@" behind the host'),
        ("http://host?x=a@b", 'it has an "@" behind the host'),
    ],
)
def test_what_is_no_address_is_refused_in_silence(text: str, why: str) -> None:
    """With the reason, and nothing of the text."""
    with pytest.raises(ValueError, match=why) as caught:
        Address.parse(text)
    assert "secret" not in str(caught.value) and "cret" not in str(caught.value)


def test_an_at_sign_in_a_path_of_a_named_host_is_fine() -> None:
    """It is hardly a part of a password then."""
    assert Address.parse("https://a.org/x@y").shown == "https://a.org/x@y"


def test_colons_separate_places_and_stand_in_addresses() -> None:
    """Folders, ports, passwords, IPv6."""
    text = "/a:http://h:81/x:b c:https://u:p@[::1]:5/y?q=1:https://last"
    found = places_in(text)
    assert [one if isinstance(one, str) else one.shown for one in found] == [
        *("/a", "http://h:81/x", "b c", "https://[::1]:5/y", "https://last")
    ]
    assert places_in("") == [] and places_in("::a::") == ["a"]
    with pytest.raises(ValueError, match="entry 2 is not an address: it must begin with http"):
        places_in("/a:ftp://host:/b")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/a/folder", "/a/folder"),
        ("http://host/x", "http://host/x"),
        ("http://me:secret@host/x", "http://…@host/x"),
        ("http://me:se/c@ret@host", "http://…@host"),
        ("me:secret@host", "…@host"),
        ("http://host/x?token=1#y", "http://host/x?…"),
        ("http://host/x#secret", "http://host/x?…"),
        ("what?", "what?"),
        ("ftp:///a\nb@host", "ftp:///…@host"),
    ],
)
def test_a_text_is_shown_without_what_may_be_secret(text: str, shown: str) -> None:
    """In whatever form it is wrong."""
    assert without_secrets(text) == shown


@given(
    st.text(min_size=6, max_size=20).filter(lambda text: not set(text) & set("@")),
    st.sampled_from(["http", "ftp", "x"]),
)
def test_no_password_is_ever_shown(password: str, scheme: str) -> None:
    """Whatever is in it."""
    shown = without_secrets(f"{scheme}://me:{password}@host/path")
    assert shown == f"{scheme}://…@host/path"
