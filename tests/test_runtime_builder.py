"""A start or a reload that is refused: all components open or none, and nothing of them is left."""

import os
import socket
from pathlib import Path

import pytest
from headrig_process import headrig

from headrig import config
from headrig.errors import UnavailableError
from headrig.sinks import FileConfig
from headrig.sources import HttpSourceConfig, TcpConfig, UnixConfig
from headrig.testing import context


def below(folder: Path) -> list[str]:
    """Everything in a folder, with the size of what is a file."""
    return sorted(f"{each} {each.lstat().st_size if each.is_file() else ''}" for each in folder.rglob("*"))


def wanting(folder: Path, port: int) -> dict[str, dict]:
    """Settings whose last part cannot be opened, after those that make files and directories."""
    return {
        "sources": {
            "unix": UnixConfig(path=f"{folder}/run/a/in.sock"),
            "http": HttpSourceConfig(listen=f"unix:{folder}/run/b/in.sock"),
            "tcp": TcpConfig(listen=f"127.0.0.1:{port}"),
        },
        "sinks": {
            "new": FileConfig(path=f"{folder}/log/a/b/app.log"),
            "kept": FileConfig(path=f"{folder}/there/empty.log"),
            "linked": FileConfig(path=f"{folder}/there/link"),
        },
    }


@pytest.fixture
def there(tmp_path) -> Path:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/empty.log").write_text("")
    (tmp_path / "there/link").symlink_to("linked.log")
    return tmp_path


@pytest.mark.asyncio
async def test_refused_start_leaves_nothing(start, there):
    """
    A start that is refused leaves no directory, file or socket behind; what was there before stays.
    """
    before = below(there)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UnavailableError):
        await start(**wanting(there, taken.getsockname()[1]))

    assert before == below(there)


@pytest.mark.asyncio
async def test_refused_reload_leaves_nothing(start, memory, there):
    """
    Nor does a reload that is refused, and what a run has made already is not its to remove.
    """
    run = await start({"in": TcpConfig(listen="127.0.0.1:0")}, {"kept": FileConfig(path=f"{there}/log/app.log")})
    before = below(there)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UnavailableError):
        await run.pipeline.reload(config.Config(**wanting(there, taken.getsockname()[1])))

    assert before == below(there)


def test_refused_start_keeps_what_others_wrote(there):
    """
    What somebody else has put into a new file or directory, or in its place, is not removed.
    """
    opened = context()
    opened.created.directories(f"{there}/log/a")
    paths = [f"{there}/log/{name}" for name in ("empty", "written", "replaced", "a/empty")]
    for path in paths:
        os.close(opened.created.open(path, os.O_RDWR, 0o640))
    Path(paths[1]).write_text("mine\n")
    os.unlink(paths[2])
    Path(paths[2]).symlink_to("mine")
    opened.created.undo()

    assert ["replaced", "written"] == sorted(os.listdir(there / "log"))
    assert not (there / "log/a").exists()


def test_refused_command_leaves_nothing(tmp_path):
    """
    `headrig run` that finds its port taken ends with 69, and its folder is as it was.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = headrig("run", "--listen", cwd=tmp_path, PORT=str(port), LOG_FILE="new/er/app.log")

    assert (69, []) == (done.returncode, below(tmp_path))
