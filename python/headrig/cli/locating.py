"""Where files hold secrets, and which rule says so: what `redact --explain` and `leaks` print. Never what a secret is."""

from typing import NamedTuple

from headrig.cli import complain
from headrig.cli.filtering import ARRIVAL_SECONDS, InputFile, UnreadableError, read_buffer
from headrig.cli.printing import say, shown
from headrig.engine import Engine, ReadBuffer


class Search(NamedTuple):
    """What came of all files."""

    found: int
    whole: bool
    """Each could be read to its end."""


def locate(verb: str, engine: Engine, names: list[str], *, explain: bool) -> Search:
    """Print a line for each secret of each file; with `explain` how long it is and which keys lead to it."""
    found, whole, buffer = 0, True, read_buffer()
    for name in names:
        try:
            with InputFile(verb, name) as file:
                found += _locate(verb, engine, file, buffer, explain=explain)
        except UnreadableError as error:
            complain(str(error))
            whole = False
    return Search(found, whole)


def _locate(verb: str, engine: Engine, file: InputFile, buffer: ReadBuffer, *, explain: bool) -> int:
    lane, first, count = engine.lane(verb), 0, 0
    try:
        for lines, _ in file.batches(file.reader(), buffer):
            processed, findings = lane.explain(lines, ARRIVAL_SECONDS)
            printed = []
            for line, start, end, rule, path in findings:
                where = f"{file.name}:{first + line}:{start + 1}: {rule}"
                printed.append(where + (details(end - start, path) if explain else ""))
            say(verb, printed)
            count += len(findings)
            first += processed.lines_in
    finally:
        engine.close_lane(verb)
    return count


def details(length: int, path: str) -> str:
    """How long a secret is, and which keys lead to it."""
    return f", {length} byte{'s' * (length != 1)}" + (f", at {shown(path)}" if path else "")
