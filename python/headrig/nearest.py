"""The one hint for a word that nobody knows: a key, a type, a value, a verb or an option."""

import difflib
from collections.abc import Iterable, Mapping

COMPARED_CHARACTERS_MAX = 100
"""Of the word as it was written: comparing takes its length times that of each known word."""


def nearest(given: object, known: Iterable[str]) -> str | None:
    """The known word that is most like the given one, whatever its case; None when none is like it."""
    words = {word.lower(): word for word in known}
    near = difflib.get_close_matches(str(given)[:COMPARED_CHARACTERS_MAX].lower(), words, n=1)
    return words[near[0]] if near else None


def hint(given: object, known: Iterable[str], what: str, synonyms: Mapping[str, str] | None = None) -> str:
    """
    The remedy for an unknown word: the nearest known one, else all of them, which are called `what`.

    `synonyms` are words of other languages and what they are called here. The given word is never repeated.
    """
    known = list(known)
    near = (synonyms or {}).get(str(given)) or nearest(given, known)
    return f"did you mean {near}?" if near else f"known {what}: {', '.join(known)}"
