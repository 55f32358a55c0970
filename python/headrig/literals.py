"""
Paths and addresses are taken as they are written. What a shell or a clock would make something else of is refused, so
that no file of that name appears.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal

BARE: Final = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
"""A variable without braces, as a shell knows it."""
_CLOCK: Final = re.compile(r"%[A-Za-z]")


def refusal(text: str, form: Literal["file", "address"], bare: Iterable[str]) -> str | None:
    """Why a path or an address would not mean what it seems to; `bare` are the variables without braces in it."""
    # An address may have parameters that begin with a dollar: `?$filter=` (OData 4.01, 5.1). Variables are in capitals.
    if any(form == "file" or name.isupper() for name in bare):
        return "a variable without braces stays as it is"
    file = _file(text, form)
    if file.startswith("~"):
        return "~ stays as it is; write the whole path, or ./~… for a name that begins so"
    if _CLOCK.search(file.replace("%%", "")):
        return "a date is not filled in; write one name, and %% for a percent sign"
    return None


def meant(text: str, form: Literal["file", "address"]) -> str:
    """What one that is not refused stands for."""
    return text.replace("%%", "%") if _file(text, form) else text


def _file(text: str, form: str) -> str:
    """The path in it; empty for an address that has none of this machine."""
    if form == "file":
        return text
    return text.removeprefix("unix:") if text.startswith("unix:") else ""
