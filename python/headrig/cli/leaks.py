"""`headrig leaks`: whether files hold secrets that the rules find, as a step of CI. Exit codes are those of grep, turned."""

import argparse
import os
import signal

from headrig.cli import complain
from headrig.cli.filtering import filter_spec
from headrig.cli.locating import locate
from headrig.engine import Engine
from headrig.errors import DeliveryError

_NONE, _SOME, _TROUBLE = 0, 1, 2


def execute(arguments: argparse.Namespace) -> int:
    """Print `FILE:LINE:COLUMN: RULE` for each secret. Gives 0 when there is none, 1 for some, 2 for trouble with a file or the output."""
    spec = filter_spec(arguments.config)
    if spec is None:
        return os.EX_CONFIG
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        located = locate("leaks", Engine(spec), arguments.files or ["-"], explain=False)
    except DeliveryError as error:
        complain(str(error))
        return _TROUBLE
    if not located.whole:
        return _TROUBLE
    return _SOME if located.found else _NONE
