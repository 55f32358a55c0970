"""
How the files of a Rust crate lie: few need each other in a circle, and no two have one name.
"""

import re
from collections import Counter
from pathlib import Path

import pytest
from rust_imports import circles, crate, needs

ROOT = Path(__file__).parents[1]
CRATES = ("rust/core", "rust/handler", "rust/py", "rust/query", "rust/fuzz", "benches")

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
CIRCLES_MAX = 4
CIRCLE_FILES_MAX = 3


def found(**files: str) -> list[list[str]]:
    """The circles among files, `__` standing for a folder."""
    return circles(needs({f"{name.replace('__', '/')}.rs": text for name, text in files.items()}))


def test_every_crate_is_read():
    """
    The crates looked at are all there are, and each has imports to look at.
    """
    manifests = {path.parent for pattern in ("rust/*/Cargo.toml", "benches/Cargo.toml") for path in ROOT.glob(pattern)}

    assert {ROOT / name for name in CRATES} == manifests
    assert all(sum(map(len, needs(crate(ROOT / name / "src")).values())) > 0 for name in CRATES)


def test_circles_are_few_and_small():
    """
    At most four sets of files need each other in a circle, none of more than three files.
    """
    all_circles = [(name, files) for name in CRATES for files in circles(needs(crate(ROOT / name / "src")))]

    assert [] == [each for each in all_circles if len(each[1]) > CIRCLE_FILES_MAX]
    assert len(all_circles) <= CIRCLES_MAX, all_circles


def test_the_rooms_of_the_core_stand_above_each_other():
    """
    Kernels know no room of the core but what a prefilter hands to them, and the dictionary knows no user of its keys.
    """
    needed = needs(crate(ROOT / "rust/core/src"))
    of = {
        folder: {t for f, to in needed.items() if f.startswith(folder) for t in to} for folder in ("simd/", "json/dic")
    }

    assert [] == sorted(t for t in of["simd/"] if not t.startswith(("simd/", "redact/prefilter/", "limits")))
    assert [] == sorted(t for t in of["json/dic"] if not t.startswith(("json/", "limits")))


def test_the_core_makes_no_static_under_a_lock():
    """
    What the core makes once a process is made without a lock: a child that is forked meanwhile would wait for ever.
    """
    static = re.compile(
        r"^\s*(?:pub(?:\(crate\))? )?static \w+: *(?:\w+::)*(?:OnceLock|LazyLock|Mutex|RwLock)\b", re.MULTILINE
    )
    core = crate(ROOT / "rust/core/src")

    assert static.search("    static PARSED: OnceLock<u8> = OnceLock::new();")
    assert [] == [name for name, text in core.items() if static.search(text) and not name.endswith("_tests.rs")]


def test_each_room_of_the_core_says_what_it_is_for():
    """
    A folder of the core opens with its problem, its idea and a picture, and those at the top have a row of the code map.
    """
    folders = sorted(path.parent for path in (ROOT / "rust/core/src").rglob("mod.rs"))
    headers = {folder: "".join(re.findall(r"\A(?://!.*\n)+", (folder / "mod.rs").read_text())) for folder in folders}
    top = [folder for folder in folders if folder.parent == ROOT / "rust/core/src"]

    assert [] == [
        str(folder) for folder, text in headers.items() if not re.search(r"Problem:.*Idea:.*```text", text, re.DOTALL)
    ]
    assert [] == [folder.name for folder in top if f"| `rust/core/src/{folder.name}/` |" not in ARCHITECTURE]


@pytest.mark.parametrize("name", CRATES)
def test_no_file_name_twice(name):
    """
    A file is known by its name in a crate; only `mod.rs` opens many folders.
    """
    paths = [path for path in (ROOT / name).rglob("*.rs") if "target" not in path.parts]
    names = Counter(path.name for path in paths if path.name != "mod.rs")

    assert [] == [file for file, times in names.items() if times > 1]


@pytest.mark.parametrize(
    "line",
    [
        "use crate::b::B;",
        "use super::b;",
        "pub(crate) use self::super::b::{B as C};",
        "use crate::{c::{self, D}, b::{inner::{X, Y}, *}};",
        "use {std::fmt, crate::{c, b as renamed}};",
        "fn f() { crate::b::call() }",
        "fn f(x: super::b::B) {}",
        "mod inner { use super::super::b::B; }",
        "use crate as root; fn f() { root::b::call() }",
        "macro_rules! m { () => { $crate::b::call() } }",
        "fn f() { use crate::b::B; }",
        "#[cfg(test)] mod tests { } use crate::b;",
        "#[cfg(not(test))] mod real { use crate::b; }",
        "pub use crate::b::*;",
    ],
)
def test_a_circle_is_found(line):
    """
    A need is seen however it is written.
    """
    assert [["a.rs", "b.rs"]] == found(lib="mod a; mod b; mod c;", a=line, b="use crate::a::A;", c="struct D;")


@pytest.mark.parametrize(
    "line",
    [
        "// use crate::b;",
        "/* crate::b::call() */",
        'const TEXT: &str = "use crate::b;";',
        "#[cfg(test)] mod tests { use crate::b; }",
        "#[cfg(test)]\n#[allow(dead_code)]\nmod tests { use super::super::b; }",
        "#[cfg(all(test, unix))] mod tests { use crate::b; }",
        "use b::B;",
        "use ::b::B;",
        "fn f() { b::call() }",
        "use super::a::A;",
    ],
)
def test_no_circle_is_imagined(line):
    """
    Comments, literals, modules for tests, other crates and a file's own names are no need.
    """
    assert [] == found(lib="mod a; mod b;", a=line, b="use crate::a::A;")


def test_a_circle_through_a_nested_use():
    """
    Three files that need each other through one tree of names are one circle.
    """
    files = {"a": "use crate::{io::{b::{B, C}, c}};", "io__b": "use super::c::C;", "io__c": "use crate::{a, other::X};"}

    assert [["a.rs", "io/b.rs", "io/c.rs"]] == found(lib="mod a; mod io;", io__mod="mod b; mod c;", **files)


@pytest.mark.parametrize(
    "export", ["pub use row::Row;", "pub use row::*;", "use row::Row;", "pub use self::row::{Row as Row};"]
)
def test_a_circle_through_a_reexport(export):
    """
    Who takes a name from a folder that has it from a file needs that file as well.
    """
    files = {"table__mod": f"mod row; mod cell; {export}", "table__row": "use super::cell::Cell;"}
    circle = found(lib="mod table;", table__cell="use super::Row;", **files)

    assert [["table/cell.rs", "table/mod.rs", "table/row.rs"]] == circle


def test_two_circles_are_told_apart():
    """
    Circles that only touch in one direction are two, the larger one first.
    """
    files = {
        "a": "use crate::b;",
        "b": "use crate::{a, c};",
        "c": "use crate::d;",
        "d": "use crate::e;",
        "e": "use crate::c;",
    }

    assert [["c.rs", "d.rs", "e.rs"], ["a.rs", "b.rs"]] == found(lib="mod a; mod b; mod c; mod d; mod e;", **files)


def test_files_for_tests_do_not_count():
    """
    A file that is declared for tests alone is none of those that need or are needed.
    """
    files = {"a": "use crate::b;", "b": "#[cfg(test)]\nmod b_tests;", "b__b_tests": "use crate::a;"}

    assert {"lib.rs", "a.rs", "b.rs"} == set(
        needs({f"{k.replace('__', '/')}.rs": v for k, v in {"lib": "", **files}.items()})
    )
