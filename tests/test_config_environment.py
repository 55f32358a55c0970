"""References to environment variables in settings."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrig.config.environment import Expanded, resolve

ENVIRON = {"NAME": "value", "EMPTY": "", "N_1": "one"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a-${NAME}-${N_1}", "a-value-one"),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("${NONE:-other}", "other"),
        ("${NONE:-}", ""),
        ("${NONE:-a:b-c}", "a:b-c"),
        ("${NAME:-other}", "value"),
        ("${NAME:?needed}", "value"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$value"),
        ("cost $5 or $NAME", "cost $5 or $NAME"),
        ("100$", "100$"),
        ("${NONE:-${NAME}}", "value"),
        ("${NONE:-${EMPTY:-c}}", "c"),
        ("a${NONE:-<${N_1}|${NONE:-x}>}b", "a<one|x>b"),
        ("${NAME:-${NONE}}", "value"),
        ("${NAME:-${NONE:-$${}}", "value"),
        ("${NONE:-$$}", "$"),
        ("${NONE:-a}}", "a}"),
    ],
)
def test_reference(text, expected):
    """
    References are replaced as a shell replaces them, two dollars are one, any other dollar is itself.
    """
    errors = []

    assert expected == resolve(text, ENVIRON, "key", errors)
    assert [] == errors


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("${NONE}", "key: variable NONE is not set; set it, or write ${NONE:-default}"),
        ("${NONE:?say where}", "key: variable NONE is not set: say where; set NONE"),
        ("${EMPTY:?say where}", "key: variable EMPTY is not set: say where; set EMPTY"),
        ("${}", "key: not a reference; write ${NAME} with NAME in A-Z, 0-9 and _, or $$ for a dollar"),
        ("${name}", "key: not a reference; write ${NAME} with NAME in A-Z, 0-9 and _, or $$ for a dollar"),
        ("${1A}", "key: not a reference; write ${NAME} with NAME in A-Z, 0-9 and _, or $$ for a dollar"),
        ("${A-b}", "key: not a reference; write ${NAME} with NAME in A-Z, 0-9 and _, or $$ for a dollar"),
        ("${NONE:-${NAME}", "key: not a reference; write ${NAME} with NAME in A-Z, 0-9 and _, or $$ for a dollar"),
        ("${NONE:-${ALSO_NONE}}", "key: variable ALSO_NONE is not set; set it, or write ${ALSO_NONE:-default}"),
        ("${NONE:-${NONE:?say}}", "key: variable NONE is not set: say; set NONE"),
        ("${NAME", "key: not a reference; write ${NAME} with NAME in A-Z, 0-9 and _, or $$ for a dollar"),
    ],
)
def test_bad_reference(text, complaint):
    """
    A reference that cannot be resolved is an error at its path.
    """
    errors = []
    resolve({"key": text}, ENVIRON, "", errors)

    assert [complaint] == [str(error) for error in errors]


def test_only_string_leaves():
    """
    Keys, numbers and what is inside them stay as they are; lists and tables are walked.
    """
    given = {"${NAME}": ["${NAME}", 5, {"deep": "${NAME}"}], "when": 1.5}

    assert {"${NAME}": ["value", 5, {"deep": "value"}], "when": 1.5} == resolve(given, ENVIRON, "", [])


def test_patterns_and_expressions_are_verbatim():
    """
    A dollar in a pattern, an anchor, an example or an expression is the user's own.
    """
    given = {
        "redact": {"rules": [{"pattern": "a$${NONE}", "anchors": ["${NONE}"], "examples": ["${NONE}"]}]},
        "metrics": {"m": {"where": 'a == "${NONE}"'}},
    }
    errors = []

    assert given == resolve(given, ENVIRON, "", errors)
    assert [] == errors


def test_whole_reference():
    """
    A leaf that is one reference and nothing else knows it: it takes its field's type.
    """
    whole, part = resolve(["${NAME}", "x${NAME}"], ENVIRON, "", [])

    assert (True, ("NAME",)) == (whole.whole, whole.names)
    assert (False, ("NAME",)) == (part.whole, part.names)
    assert isinstance(part, Expanded)


def test_nested_defaults_as_the_shell():
    """
    Defaults inside defaults mean what they mean in a shell, and whatever the depth, there is an answer.
    """

    @given(TREES, st.fixed_dictionaries({}, optional=dict.fromkeys("ABC", st.sampled_from(["", "x", "y z"]))))
    def check(text, environ):
        shell = subprocess.run(["sh", "-c", f'printf %s "{text}"'], env=environ, capture_output=True, check=True)

        assert shell.stdout.decode() == resolve(text, environ, "key", [])

    check()
    errors = []
    resolve("${A:-" * 5000 + "}" * 5000, {}, "key", errors)
    assert 1 == len(errors)


TREES = st.recursive(
    st.sampled_from(["", "a", "-b", ":c"]),
    lambda inner: st.builds("{}${{{}:-{}}}{}".format, inner, st.sampled_from("ABC"), inner, inner),
    max_leaves=5,
)
