"""
Reads Rust source just well enough to measure functions: literals and comments are blanked, braces are matched.
"""

import re

# Order matters: a comment may hold a quote, a string may hold a comment. A lifetime is no character literal.
_OPAQUE = re.compile(
    r"""
      //[^\n]*
    | /\*.*?\*/
    | \bb?r(?P<hashes>\#*)".*?"(?P=hashes)
    | b?"(?:\\.|[^"\\])*"
    | b?'(?:\\(?:u\{[^}]*\}|x[0-9a-fA-F]{2}|.)|[^'\\])'
    """,
    re.DOTALL | re.VERBOSE,
)
_FUNCTION = re.compile(r"\bfn\s+(?P<name>\w+)")
_BRACKETS = {"(": 1, "[": 1, ")": -1, "]": -1}


def blanked(text: str) -> str:
    """
    The same text with spaces for every literal and comment; lines and positions stay.
    """
    return _OPAQUE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def functions(text: str) -> list[tuple[str, int]]:
    """
    Name and length in lines of every function with a body, nested ones included.
    """
    code = blanked(text)
    found = []
    for match in _FUNCTION.finditer(code):
        start = _body_start(code, match.end())
        if start is not None:
            found.append((match["name"], code.count("\n", match.start(), body_end(code, start)) + 1))
    return found


def _body_start(code: str, at: int) -> int | None:
    """The function's opening brace; None for a declaration that ends in a semicolon."""
    depth = 0
    for index in range(at, len(code)):
        depth += _BRACKETS.get(code[index], 0)
        if depth == 0 and code[index] in "{;":
            return index if code[index] == "{" else None
    return None


def body_end(code: str, start: int) -> int:
    """
    The closing brace of the one at `start`.
    """
    depth = 0
    for match in re.compile(r"[{}]").finditer(code, start):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(code)
