"""
The command line: the verbs, and how errors are reported. Exit codes are those of sysexits.
Each verb has a file with `execute(arguments) -> exit code`, imported when it is asked for.
"""

import argparse
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

from headrig.engine import core_version
from headrig.errors import HeadrigError
from headrig.nearest import hint

_FOUND = "$HEADRIG_CONFIG, else ./headrig.toml, else the built-in defaults"
_RUN = """Take lines in, redact and count them, write them out. With the built-in defaults, a pipe, a socket or a file on
standard input is the only source: the run ends where it ends, and opens no address unless --listen says so."""
_REDACT = """Write files or standard input to standard output with every secret masked and all else as it was. Files may be plain,
gzip or zstd, in UTF-8, UTF-16 or UTF-32; the output has the form of the input."""
_LEAKS = (
    "Print FILE:LINE:COLUMN: RULE for every secret. Exit code: 0 none, 1 some, 2 wrong usage or a file not read whole."
)
_RULES = """list: all rules and whether they are on. show NAME: what a rule takes. test LINE: which rules take something of a line;
exit code 0 some, 1 none. No secret is printed."""
_VERIFY = """A canary: runs a copy of the settings on loopback and in a folder of its own, sends fake secrets in at every source and
the handler, and looks for them in every sink, notice and on /metrics. What remote ones would send is looked at here; nothing
leaves this machine. With --remote, what was clean is then sent, redacted, to every remote sink and notifier, to see whether they
take it. Exit code: 0 all clean, 1 a secret came out, 69 something could not be looked at or was not taken."""
_TROUBLE = 2
"""Exit code of a wrong usage where 1 has a meaning, as grep has it."""


class _Parser(argparse.ArgumentParser):
    exit_code = os.EX_USAGE
    """Of a wrong usage."""

    @property
    def options(self) -> list[str]:
        """The verbs as users type them."""
        return list(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        """Report a wrong usage and exit, as a rule with 64. The message may repeat options but never values, which may be secrets."""
        message = re.sub(r"ignored explicit argument .*", "takes no value", message, flags=re.DOTALL)
        self.print_usage(sys.stderr)
        self.exit(self.exit_code, f"{self.prog}: {message}\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse an unknown verb or value and suggest the nearest known one."""
        if action.choices is not None and value not in action.choices:
            verb = isinstance(action, argparse._SubParsersAction)  # noqa: SLF001  # the public names have no such class
            reason, what = ("unknown verb", "verbs") if verb else ("unknown value", "values")
            raise argparse.ArgumentError(None if verb else action, f"{reason}; {hint(value, action.choices, what)}")


def _grammar() -> tuple[_Parser, dict[str, _Parser]]:
    """The parser of the whole command line, and that of each verb."""
    top = _Parser(prog="headrig", description="Take secrets out of log streams, count events, lose nothing silently.")
    top.add_argument("--version", action="version", version=f"headrig {core_version}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")

    run = verbs.add_parser("run", help="take lines in, redact and count them, write them out", description=_RUN)
    run.add_argument("-c", dest="config", metavar="FILE", help=f"settings; without it {_FOUND}")
    listen = "with the built-in defaults: listen also when standard input is read"
    run.add_argument("--listen", action="store_true", help=listen)

    validate = verbs.add_parser("validate", help="say everything that is wrong with a settings file")
    validate.add_argument("file", metavar="FILE", nargs="?", help=f"without it {_FOUND}")

    redact = verbs.add_parser("redact", help="a filter: secrets in files or standard input masked", description=_REDACT)
    redact.add_argument("files", metavar="FILE", nargs="*", help="none, or -: standard input")
    redact.add_argument("-c", dest="config", metavar="FILE", help="settings whose [redact] applies")
    where = redact.add_mutually_exclusive_group()
    where.add_argument("-i", "--in-place", action="store_true", help="put each file's new content in its place")
    where.add_argument("-o", "--output", metavar="FILE", help="write there, once all of it is read; may be an input")
    where.add_argument("--explain", action="store_true", help="print where a secret is and by which rule, not the text")
    redact.add_argument("--stats", choices=["json"], help="end standard error with what was done, as one JSON object")

    leaks = verbs.add_parser("leaks", help="say where files hold secrets, for CI", description=_LEAKS)
    leaks.exit_code = _TROUBLE
    leaks.add_argument("files", metavar="FILE", nargs="*", help="none, or -: standard input")
    leaks.add_argument("-c", dest="config", metavar="FILE", help="settings whose [redact] applies")

    rules = verbs.add_parser("rules", help="the rules of redaction, and what they take of a line", description=_RULES)
    rules.add_argument("what", choices=["list", "show", "test"])
    rules.add_argument("words", metavar="NAME|LINE", nargs="*", help="show: rules; test: a line, else standard input")
    rules.add_argument("-c", dest="config", metavar="FILE", help="settings whose [redact] applies")
    verify = verbs.add_parser(
        "verify", help="send fake secrets through, and look where they come out", description=_VERIFY
    )
    verify.add_argument("-c", dest="config", metavar="FILE", help=f"settings; without it {_FOUND}")
    verify.add_argument(
        "--remote", action="store_true", help="then send what was clean to remote sinks and notifiers, too"
    )
    return top, {"run": run, "validate": validate, "redact": redact, "leaks": leaks, "rules": rules, "verify": verify}


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The parsed command line. If it is wrong, the process exits with 64 and prints the usage of the verb."""
    top, verbs = _grammar()
    given = list(sys.argv[1:] if arguments is None else arguments)
    first = _option(given[0]) if given else ""
    if first and first not in top.options:
        owner = next((name for name, verb in verbs.items() if first in verb.options), None)
        top.error(
            f"no verb before {first}; write headrig {owner} {first} …"
            if owner
            else f"unknown option {first}; {hint(first, top.options, 'options')}"
        )
    asked, rest = top.parse_known_args(given)
    if asked.verb is None:
        top.error(f"no verb; known verbs: {', '.join(verbs)}")
    verb = verbs[asked.verb]
    for option in filter(None, map(_option, rest)):
        verb.error(f"unknown option {option}; {hint(option, verb.options, 'options')}")
    if rest:
        verb.error("more arguments than it takes")
    if wrong := _contradiction(asked):
        verb.error(wrong)
    return asked


def _contradiction(asked: argparse.Namespace) -> str:
    """What is wrong with arguments of which each alone is right; empty if nothing is."""
    if "-" in (getattr(asked, "config", None), getattr(asked, "file", None)):
        return "settings are read from a file, and - names none; write ./- for a file of that name"
    if getattr(asked, "in_place", False) and (not asked.files or "-" in asked.files):
        return "--in-place needs files, and standard input has no place"
    if getattr(asked, "explain", False) and asked.stats:
        return "--explain redacts nothing that --stats could count; give one of them"
    words = {"list": "list", "show": "show NAME", "test": "test LINE"}
    if asked.verb == "rules" and (asked.what == "list") == bool(asked.words) and asked.what != "test":
        return f"write headrig rules {words[asked.what]}"
    return ""


def _option(word: str) -> str:
    """The option in a word, without its value; empty if there is none."""
    if word.startswith("--"):
        return word.partition("=")[0] if word != "--" else ""
    return word[:2] if word.startswith("-") and word != "-" else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; gives the exit code. A `HeadrigError` becomes one line, any other exception a traceback: a bug."""
    _hold_standard_descriptors()
    asked = parsed(arguments)
    # `kill -USR1 $(pgrep -f headrig)` is meant for a run, which obeys it once its modules are imported, and ends no other verb.
    for early in (signal.SIGUSR1, *((signal.SIGHUP,) if asked.verb == "run" else ())):
        signal.signal(early, signal.SIG_IGN)
    try:
        code: int = import_module(f"headrig.cli.{asked.verb}").execute(asked)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader is gone; nothing may be written to it at exit either.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return os.EX_OK
    except KeyboardInterrupt:
        return 130
    except BaseException as error:  # noqa: BLE001  # the last place that can word it
        known = list(_known(error))
        for one in known:
            complain(str(one))
        if known:
            return known[0].exit_code
        complain(_bug())
        return os.EX_SOFTWARE


def _hold_standard_descriptors() -> None:
    """
    Replace a standard descriptor that is closed at start by one that fails when used.

    Otherwise the next file or socket would get its number, and the output that is meant for it.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if descriptor else os.O_WRONLY)
        if getattr(sys, name) is None:
            # Otherwise print would use standard output in place of standard error.
            setattr(sys, name, open(os.devnull, "w" if descriptor else "r"))  # noqa: SIM115  # for good


def complain(text: str) -> None:
    """Print a line or a traceback to standard error, newline included, in one write; ignore a reader that is gone."""
    with suppress(OSError, ValueError):
        print(f"{text}\n", end="", file=sys.stderr, flush=True)


def _known(error: BaseException) -> Iterator[HeadrigError]:
    """The `HeadrigError`s in an exception group; None if it holds others."""
    if isinstance(error, HeadrigError):
        yield error
    elif isinstance(error, BaseExceptionGroup) and error.split(HeadrigError)[1] is None:
        for one in error.exceptions:
            yield from _known(one)


def _bug() -> str:
    """The traceback, redacted like any text, because an exception may quote a log line."""
    from headrig.redaction import redact  # noqa: PLC0415  # json and re, for the one run in a thousand

    try:
        return redact(traceback.format_exc().rstrip())
    except Exception as error:  # noqa: BLE001  # the core itself may be what is broken
        return f"{type(error).__name__} while wording {type(sys.exception()).__name__}"
