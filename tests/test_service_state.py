"""Where a service keeps the state of its alerts: nowhere unless told, and in one process of all that run."""

import os

import pytest
from service_process import service

from headrig.delivery.owner import holder

REGISTER = """
import logging, os, headrig
from headrig.service.api import service
headrig.install()
headrig.register_threshold("queue", metric="queue.length", operator="gt", value=1, window="1m", severity="high",
    category="system", title="Queue", message="${value}")
def opened():
    background = service.background()
    background._opened.result(60)
    return background.pipeline
"""
FORGOTTEN = "alerts are forgotten at a restart: set HEADRIG_DATA_DIR"


def test_told(tmp_path):
    """
    With the variable the service keeps its state there; a child of a fork does not, and says which process does.
    """
    code = (
        REGISTER
        + """
from headrig.delivery.owner import holder
owner = opened().state.owner
pid = os.fork()
if pid == 0:
    headrig.register_threshold("other", metric="queue.length", operator="gt", value=1, window="1m", severity="high",
        category="system", title="Queue", message="${value}")
    mine = opened().state.owner
    said = f"process {os.getppid()} keeps the state in state: give each its own data_dir, or stop that one"
    os._exit(0 if (owner.held, mine.held, mine.degraded.reason) == (False, False, said) else 1)
print(os.waitpid(pid, 0)[1], owner.held, holder("state").pid == os.getpid())
"""
    )
    done = service(code, tmp_path, LOG_FILE="app.log", HEADRIG_DATA_DIR="state")

    assert (0, "0 True True\n", "") == (done.returncode, done.stdout, done.stderr)
    assert ["owner.lock"] == os.listdir(tmp_path / "state")
    assert FORGOTTEN not in (tmp_path / "app.log").read_text()
    assert holder(str(tmp_path / "state")) is None


def test_not_told(tmp_path):
    """
    Without it nothing is kept, also not where systemd made a folder for the application, and that is said once.
    """
    done = service(REGISTER + "opened()\n", tmp_path, LOG_FILE="app.log", STATE_DIRECTORY=str(tmp_path / "theirs"))

    assert (0, "") == (done.returncode, done.stderr)
    assert ["app.log"] == os.listdir(tmp_path)
    assert 1 == (tmp_path / "app.log").read_text().count(FORGOTTEN)


@pytest.mark.parametrize("folder", ["/dev/null/x", "~/state"])
def test_told_wrong(tmp_path, folder):
    """
    A folder that cannot be used is refused by the name of the variable, when the service starts what would need it.
    """
    code = """
import headrig
from headrig.errors import ConfigError
try:
    headrig.install()
except ConfigError as error:
    print(error)
"""
    done = service(code, tmp_path, HEADRIG_HTTP_LISTEN="127.0.0.1:0", HEADRIG_DATA_DIR=folder)

    assert done.stdout.startswith("environment: HEADRIG_DATA_DIR: ")
