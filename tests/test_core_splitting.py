"""JSON documents, arrays and sequences to lines: any of them, any bytes, any cuts, in time that grows with the size."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrig.engine import CUT_SLACK_BYTES, LINE_BYTES_MAX, JsonSplitter
from headrig.errors import DecodeError
from headrig.limits import DECODE_BYTES, READ_BYTES
from headrig.sources.bodies import Body

RS = b"\x1e"


def split(body: bytes, *, sequence: bool = False, step: int = 0) -> list[bytes]:
    """The lines of a body that comes in chunks of so many bytes, or at once."""
    splitter, lines, counts = JsonSplitter(sequence=sequence), b"", 0
    for start in range(0, len(body), step or len(body) or 1):
        more, count = splitter.feed(body[start : start + (step or len(body))])
        lines, counts = lines + more, counts + count
        assert splitter.partial_bytes <= LINE_BYTES_MAX + CUT_SLACK_BYTES
    more, count = splitter.finish()
    assert (lines + more).count(b"\n") == counts + count
    return (lines + more).split(b"\n")[:-1]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
spaces = st.text(" \t\r\n", max_size=4).map(str.encode)


@st.composite
def documents(draw, elements=values):
    """Values and their texts, with white space between tokens, escaped or not."""
    found = draw(st.lists(elements, max_size=6))
    written = []
    for value in found:
        indent, ascii_only = draw(st.sampled_from([None, 0, 2, "\t", "\r\n "])), draw(st.booleans())
        written.append(json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "backslashreplace"))
    return found, written


def same(values: list[object], texts: list[bytes], lines: list[bytes]) -> None:
    """Each line is one text, whose bytes are as they were but for line breaks."""
    assert [text.translate(bytes.maketrans(b"\r\n", b"  ")) for text in texts] == lines
    assert values == [json.loads(line) for line in lines]


@given(documents(), spaces, st.integers(1, 9))
@settings(max_examples=300)
def test_any_array(found, space, step):
    """
    An array of any valid documents gives their lines, with any white space around them, wherever it was cut.
    """
    texts = found[1]
    body = space + b"[" + space + (space + b"," + space).join(texts) + space + b"]" + space
    lines = split(body)

    same(*found, lines)
    assert lines == split(body, step=step)


@given(documents(values.filter(lambda value: not isinstance(value, list))), spaces.filter(bool), st.integers(1, 9))
@settings(max_examples=300)
def test_any_documents(found, space, step):
    """
    Documents one after the other give their lines, with any white space between them.
    """
    body = b"\xef\xbb\xbf" + space.join([b"", *found[1], b""])
    lines = split(body)

    same(*found, lines)
    assert lines == split(body, step=step)


@given(documents(st.dictionaries(st.text(), values, max_size=4) | st.text()))
def test_documents_without_white_space(found):
    """
    Objects and strings need nothing between them.
    """
    same(*found, split(b"".join(found[1])))


@given(documents(), spaces, st.integers(1, 9))
@settings(max_examples=300)
def test_any_sequence(found, space, step):
    """
    The texts of a sequence (RFC 7464) are events as they are, arrays included; several separators are one.
    """
    body = b"".join(RS + RS + space + text + space + b"\n" for text in found[1])
    lines = split(body, sequence=True)

    same(*found, lines)
    assert lines == split(body, sequence=True, step=step)


@given(
    st.lists(st.sampled_from([*b'{}[]:,"\\ \n\r\t1-etrufalsn', 0x1E, 0xC3, 0xFF, 0x00, 0x80]).map(lambda b: bytes([b])))
)
@settings(max_examples=500)
def test_any_bytes(pieces):
    """
    Whatever comes is split, or refused with the place of a byte of it; cutting it elsewhere changes neither.
    """
    body = b"".join(pieces)
    for sequence in (False, True):
        try:
            whole = split(body, sequence=sequence)
        except DecodeError as error:
            place = int("".join(filter(str.isdigit, str(error))))
            assert body[place : place + 1] in (b"[", b",", b"]")
            with pytest.raises(DecodeError, match=str(error)):
                split(body, sequence=sequence, step=1)
        else:
            assert whole == split(body, sequence=sequence, step=1)


SIZE = 4 * DECODE_BYTES
SLOW = {
    "commas in a string": b'["' + b"," * SIZE + b'"]',
    "escapes": b'["' + b"\\\\" * (SIZE // 2) + b'"]',
    "empty objects": b"[" + b"{}," * (SIZE // 3) + b"{}]",
    "numbers": b"[" + b"1," * (SIZE // 2) + b"1]",
    "words": b"true " * (SIZE // 5),
    "no words": b"truth " * (SIZE // 6),
    "empty strings": b'""' * (SIZE // 2),
    "spaces": b"[1" + b" " * SIZE + b"]",
    "newlines": b"[" + b"\n" * SIZE + b"]",
    "nesting": b"[" + (b"[" * 100 + b"]" * 100 + b",") * (SIZE // 201) + b"1]",
    "open brackets": b"{" + b"[" * SIZE,
    "open braces": b'{"a":' * (SIZE // 5),
    "closed arrays": b"[]" * (SIZE // 2),
    "record separators": RS * SIZE,
    "empty strings in a text": RS + b'"",' * (SIZE // 3),
    "one number": b"1" * SIZE,
}


@pytest.mark.parametrize("sequence", [False, True])
@pytest.mark.parametrize("name", SLOW)
def test_work_is_linear(name, sequence):
    """
    A body made to be slow is split in pieces, each of bounded size, with no more bytes out than one newline an event.
    """
    body = Body("", "sequence" if sequence else "documents", LINE_BYTES_MAX)
    pieces = [*body.feed(SLOW[name]), body.finish()]

    assert len(pieces) - 1 == -(-len(SLOW[name]) // READ_BYTES)
    assert sum(len(lines) for lines, _ in pieces) <= len(SLOW[name]) + sum(count for _, count in pieces)
    assert body.decoded_bytes == len(SLOW[name])


def test_deep_nesting():
    """
    Depth costs nothing: half a million brackets are one element, which the core refuses as too long.
    """
    (line,) = split(b"[" * 500_000 + b"]" * 500_000)

    assert b"[" * (LINE_BYTES_MAX + CUT_SLACK_BYTES) == line
