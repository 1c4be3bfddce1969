"""Did-you-mean: the choice that a mistyped word is nearest to."""

from __future__ import annotations

from collections.abc import Iterable

_MANY = 30  # choices that nobody reads where the right one is named


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`did you mean "length"?`, or an empty text where nothing is near."""
    from difflib import get_close_matches  # imported late: only refusals need it

    near = get_close_matches(word, sorted(choices), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else ""


def hint_for(word: str, choices: Iterable[str], noun: str) -> str:
    """What to type instead of `word`: the nearest choice and all of them (`backends: tvmaot, tvmaotplus`)."""
    known = sorted(choices)
    near = did_you_mean(word, known)
    if near and len(known) > _MANY:
        return near
    listing = f"{noun}: {', '.join(known)}" if known else f"there are no {noun}"
    return f"{near} {listing}".lstrip()
