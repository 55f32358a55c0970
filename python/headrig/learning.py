"""
Values that this process holds and must not print: what its environment and its mounted secret files say. The core then
masks them wherever they appear, in any encoding. Only `learn = [...]` of the redaction settings reads any of it.
"""

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrig.engine import LEARNED_BYTES_MAX, LEARNED_BYTES_MIN, engine_of, engine_spec
from headrig.errors import RuleError

FILE_BYTES_MAX = 64 * 1024
"""Of a larger file nothing is learned: it is no secret, it holds some."""
FILES_MAX = 256
"""Files read: a mount has a handful. Names in order, so that the same ones are read each time."""
FOLDERS = ("/run/secrets", "/var/run/secrets")
"""Where Docker, Podman and Kubernetes mount secrets. systemd says where in `$CREDENTIALS_DIRECTORY`."""
KINDS = ("env", "files")
_WHAT_IS_SECRET = ("enabled", "keys", "allow_keys", "allow_values", "rules", "disable", "enable")

_TOKEN = re.compile(r"\[REDACTED(?::[a-z0-9_]+)?\]")
_PROBE = "q7Xw9Zk2Lm4PvB8t"
"""A value that any secret name makes secret."""
_WORDS_MAX = 3
"""A value of so many plain words is somebody's name for a thing; passphrases have more."""
_WORD = re.compile(r"[A-Za-z]?[a-z]+|[A-Z]+")
_BETWEEN_WORDS = re.compile(r"[-_./:@ ,]+")


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned, and of how many files nothing was, because they could not be read or are too large."""

    values: tuple[str, ...]
    files_skipped: int = 0

    @property
    def spec(self) -> dict[str, Any]:
        """As the core's settings of redaction have it."""
        return {"learned": list(self.values), "learned_files_skipped": self.files_skipped}

    def __repr__(self) -> str:
        return f"Learned({len(self.values)} values, files_skipped={self.files_skipped})"


def learn(
    kinds: Sequence[str],
    redact: Callable[[str], str],
    environ: Mapping[str, str] = os.environ,
    folders: Sequence[str] = FOLDERS,
    settings: Iterable[tuple[str, str]] = (),
) -> Learned:
    """
    The values to mask. `kinds`: `env` (variables whose name or form `redact` knows as secret), `files` (mounted secrets,
    and those that variables such as `DB_PASSWORD_FILE` name). `settings`: names and values of settings, of which the secret
    ones are learned too. `redact` takes and gives one JSON document.

    Values of less than 12 bytes, and those of a few plain words, are left out: they would be masked in other texts.
    """
    values: dict[str, None] = {}
    skipped = 0
    for name, value in [*settings, *(environ.items() if "env" in kinds else ())]:
        if value:
            values.update(dict.fromkeys(filter(worth_masking, hidden_parts(name, value, redact))))
    if "files" in kinds:
        for path in _files(environ, folders, redact):
            text = _content(path)
            if text is None:
                skipped += 1
            else:
                values.update(dict.fromkeys(filter(worth_masking, _values_of(text))))
    return Learned(tuple(values), skipped)


def learned_by(
    kinds: Sequence[str],
    redact: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    settings: Iterable[tuple[str, str]] = (),
) -> Learned:
    """As `learn`, by the core's settings of redaction. Nothing where these are wrong: who proves them says so."""
    try:
        engine = engine_of(engine_spec(what_is_secret(redact)))
    except RuleError:
        return Learned(())
    return learn(kinds, lambda document: engine.redact(document.encode(), True).decode(), environ, settings=settings)


def skipped_warning(files: int) -> str:
    """What is said where secret files were skipped."""
    return f"redact.learn: {files} files were skipped: they cannot be read, are no text or hold more than 64 KiB"


def what_is_secret(redact: Mapping[str, Any]) -> dict[str, Any]:
    """Of settings of redaction those that say what is secret: not how it is written, nor where in a line it stands."""
    return {word: given for word, given in redact.items() if word in _WHAT_IS_SECRET}


def hidden_parts(name: str, value: str, redact: Callable[[str], str]) -> list[str]:
    """The parts of the value of a member of this name that redaction takes away."""
    try:
        document = json.dumps({name: value}, ensure_ascii=False)
        document.encode()
    except UnicodeEncodeError:
        return []
    shown = next(iter(json.loads(redact(document)).values()))
    if not isinstance(shown, str) or shown == value:
        return []
    kept = _TOKEN.split(shown)
    match = re.fullmatch("(.+?)".join(map(re.escape, kept)), value, re.DOTALL)
    return list(match.groups()) if match else []


def worth_masking(value: str) -> bool:
    """False for what other texts hold as well: short values, a few plain words, numbers, names of hosts and paths."""
    if not LEARNED_BYTES_MIN <= len(value.encode("utf-8", "surrogateescape")) <= LEARNED_BYTES_MAX:
        return False
    # Few different characters: a row of them is a line in a table.
    if len(set(value)) <= 4 or _TOKEN.search(value) or value.startswith("-----"):
        return False
    words = [word for word in _BETWEEN_WORDS.split(value) if word]
    if all(word.isdigit() for word in words):
        # A date or a version has parts; a number of so many digits is somebody's.
        return len(words) == 1
    plain = all(_WORD.fullmatch(word) or word.isdigit() for word in words)
    return not (plain and (len(words) <= _WORDS_MAX or value.startswith(("/", "./", "~/", "http"))))


def _files(environ: Mapping[str, str], folders: Sequence[str], redact: Callable[[str], str]) -> Iterator[Path]:
    """Paths of secret files, each once."""
    named = [
        value
        for name, value in environ.items()
        if name.endswith("_FILE") and hidden_parts(name.removesuffix("_FILE"), _PROBE, redact)
    ]
    roots = [*folders, *filter(None, [environ.get("CREDENTIALS_DIRECTORY")])]
    mounted = (path for root in roots for path in sorted(Path(root).rglob("*")) if not _inside_version(path))
    seen: set[str] = set()
    for path in [*map(Path, named), *mounted]:
        real = os.path.realpath(path)
        if real not in seen and not path.is_dir() and len(seen) < FILES_MAX:
            seen.add(real)
            yield path


def _inside_version(path: Path) -> bool:
    """Kubernetes keeps the files in a folder of their version, `..2026_11_30`, and links to them."""
    return any(part.startswith("..") for part in path.parts)


def _content(path: Path) -> str | None:
    """The text of a file; None where it cannot be read, is no regular file or too large."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            content = file.read(FILE_BYTES_MAX + 1)
        return content.decode() if len(content) <= FILE_BYTES_MAX else None
    except (OSError, UnicodeDecodeError):
        return None


def _values_of(text: str) -> list[str]:
    """The secrets of one file: all of a line, the strings of a JSON document, the lines of a key."""
    text = text.strip()
    if "\n" not in text and not text.startswith(("{", "[")):
        return [text]
    try:
        return list(_strings(json.loads(text)))
    except ValueError:
        pass
    if "BEGIN CERTIFICATE" in text and "PRIVATE KEY" not in text:
        return []
    lines = [line.strip() for line in text.splitlines()]
    return [text, *lines, *(line.partition("=")[2].strip("\"' ") for line in lines)]


def _strings(document: object) -> Iterator[str]:
    match document:
        case str():
            yield document
        case dict():
            for item in document.values():
                yield from _strings(item)
        case list():
            for item in document:
                yield from _strings(item)
