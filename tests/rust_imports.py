"""
Reads which file of a Rust crate needs which: `use` trees, nested and re-exported ones included, and paths inside code.
Modules for tests do not count. What it does not see: an inherent method whose type lives in another file than its `impl`.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rust_source import blanked, body_end

Module = tuple[str, ...]
"""A module's path below its crate; the root is empty."""

_TEST = r"#\[cfg\((?:test|all\(test\b[^\]]*)\)\]\s*(?:#\[[^\]]*\]\s*)*"
_MOD = re.compile(r"(?:\bpub(?:\([^)]*\))?\s+)?\bmod\s+(?P<name>\w+)\s*(?P<end>[;{])")
_USE = re.compile(r"\buse\s+(?P<tree>[^;]+);")
_PATH = re.compile(r"(?<![\w:])(?:\$?\w+)(?:::\w+)+")


@dataclass
class Source:
    """One file as the module it is."""

    module: Module
    children: set[str] = field(default_factory=set)
    """Modules declared here that are files of their own."""
    names: dict[str, Module] = field(default_factory=dict)
    """What `use` brings in, by the name it has here, as a path from the crate's root."""
    paths: list[Module] = field(default_factory=list)
    """Every path that the file writes, from the crate's root, whatever it names."""


def needs(files: dict[str, str]) -> dict[str, set[str]]:
    """
    For each file of a crate, by its path below `src`, the files of the crate that it needs.
    """
    texts = {path: blanked(text) for path, text in files.items()}
    tests = {test for path, code in texts.items() for test in _test_files(path, code)}
    sources = {path: Source(module_of(path)) for path in texts if path not in tests}
    homes = {source.module: path for path, source in sources.items()}
    for path, source in sources.items():
        _read(source, _without_tests(texts[path]), homes)
    return {path: {_home(each, homes) for each in source.paths} - {path, None} for path, source in sources.items()}


def circles(needed: dict[str, set[str]]) -> list[list[str]]:
    """
    The largest sets of files that all need each other, by whatever way; each in order, the largest first.
    """
    reached = {path: _reached(path, needed) for path in needed}
    found = {tuple(sorted(o for o in reached[path] if path in reached[o])) for path in needed if path in reached[path]}
    return sorted(map(list, found), key=lambda files: (-len(files), files))


def crate(root: Path) -> dict[str, str]:
    """The sources below a crate's `src`."""
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*.rs"))}


def module_of(path: str) -> Module:
    parts = path.removesuffix(".rs").split("/")
    return tuple(parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts)


def _reached(start: str, needed: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for path in needed[waiting.pop()] - seen:
            seen.add(path)
            waiting.append(path)
    return seen


def _test_files(path: str, code: str) -> Iterator[str]:
    """Files that are modules for tests alone."""
    parent = "/".join(module_of(path))
    for name in re.findall(_TEST + r"(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;", code):
        yield "/".join(filter(None, [parent, f"{name}.rs"]))


def _without_tests(code: str) -> str:
    """The code with a blank for each module for tests; the length stays."""
    for match in re.finditer(_TEST + _MOD.pattern, code):
        end = body_end(code, match.end() - 1) + 1 if match["end"] == "{" else match.end()
        code = code[: match.start()] + re.sub(r"[^\n]", " ", code[match.start() : end]) + code[end:]
    return code


def _read(source: Source, code: str, homes: dict[Module, str]) -> None:
    """Fill in what the file declares and writes."""
    inline = []
    for match in _MOD.finditer(code):
        if match["end"] == "{":
            inline.append((match.start(), body_end(code, match.end() - 1), match["name"]))
        elif (*source.module, match["name"]) in homes:
            source.children.add(match["name"])

    def around(at: int) -> Module:
        return (*source.module, *(name for start, end, name in inline if start < at < end))

    for match in _USE.finditer(code):
        for parts, name in _leaves(match["tree"]):
            path = _absolute(parts, around(match.start()), source)
            if path is None:
                continue
            source.paths.append(path)
            if around(match.start()) == source.module:
                source.names[name] = path
    rest = _USE.sub(lambda match: " " * len(match[0]), code)
    for match in _PATH.finditer(rest):
        path = _absolute(match[0].removeprefix("$").split("::"), around(match.start()), source)
        if path is not None:
            source.paths.append(path)


def _leaves(tree: str) -> Iterator[tuple[list[str], str]]:
    """Each path of a `use` tree, and the name that it has afterwards."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    if not brace:
        path, _, alias = re.sub(r"\s+", " ", tree).partition(" as ")
        parts = [part.strip() for part in path.split("::") if part.strip()]
        if parts[-1] == "self":
            parts.pop()
        yield [part for part in parts if part != "*"], alias or ("*" if tree.endswith("*") else parts[-1])
        return
    prefix = [part.strip() for part in head.split("::") if part.strip()]
    depth, start = 0, 0
    inner = rest[: rest.rindex("}")] + ","
    for at, char in enumerate(inner):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            if inner[start:at].strip() == "self":
                yield prefix, prefix[-1]
            elif inner[start:at].strip():
                yield from ((prefix + parts, name) for parts, name in _leaves(inner[start:at]))
            start = at + 1


def _absolute(parts: list[str], module: Module, source: Source) -> Module | None:
    """A path from the crate's root; None for one that leads out of the crate."""
    first, *rest = parts
    if first == "crate":
        return tuple(rest)
    if first in ("self", "super"):
        above = list(itertools.takewhile(("self", "super").__contains__, parts))
        return (*module[: len(module) - above.count("super")], *parts[len(above) :])
    if first in source.children:
        return (*source.module, *parts)
    if first in source.names:
        return (*source.names[first], *rest)
    return None


def _home(path: Module, homes: dict[Module, str]) -> str | None:
    """The file that a path leads to. What is re-exported there, that file needs in its turn."""
    lengths = range(len(path), -1, -1)
    return next((homes[path[:length]] for length in lengths if path[:length] in homes), None)
