"""Every remedy that reading the settings names works: what is wrong, what is said to do about it, and that done."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from headrig import config

ROOT = Path(__file__).parents[1]
BASE = '[sources.in]\ntype = "stdin"\n[sinks.out]\ntype = "stdout"\n'
WEB = '[sources.web]\ntype = "http"\n'
THRESHOLD = """[thresholds.t]
metric = "error.rate"
operator = "gt"
value = 5
window_seconds = 60
severity = "high"
category = "error"
title = "a"
message = "b"
"""
FORWARD = '[sinks.ship]\ntype = "forward"\nto = "{}"\n'
POST = '[sinks.post]\ntype = "http"\nendpoint = "{}"\n'
TCP = '[sources.tcp]\ntype = "tcp"\nlisten = "{}"\n'
FILE = '[sinks.file]\ntype = "file"\npath = "{}"\n'
RULE = '[[redact.rules]]\nname = "{}"\npattern = "abc[0-9]+"\n'


class Row(NamedTuple):
    """What is wrong, the remedy, and the settings after it was followed; with the variables of both."""

    wrong: str
    remedy: str
    right: str
    environ: Mapping[str, str] = MappingProxyType({})
    after: Mapping[str, str] | None = None


def below(wrong: str, remedy: str, right: str, **rest) -> Row:
    """A row of tables that stand below a source and a sink."""
    return Row(BASE + wrong, remedy, BASE + right, **rest)


def threshold(wrong: str, remedy: str, right: str, old: str = "") -> Row:
    """A row of keys of one threshold, in place of others of it."""
    base = THRESHOLD.replace(old, "")
    return below(base + wrong, remedy, base + right)


ROWS = [
    Row("", "add a [sources.ID] table", BASE),
    Row("sources = 1\n", "write [sources.ID]", BASE),
    Row('{"sources": {}}', "write tables as [sources.in] and what is in them as key = value", BASE),
    Row("sources:\n  in:\n", "write tables as [sources.in] and what is in them as key = value", BASE),
    Row(BASE + "[sinks.out]\n", "keep one of them", BASE),
    Row(BASE + "[http\n", "correct the TOML", BASE + "[http]\n"),
    Row(BASE.replace(".in]", '."in put"]'), "use at most 64 of A-Z a-z 0-9 _ -", BASE.replace(".in]", ".in_put]")),
    Row(BASE.replace("stdin", "stdim"), "did you mean stdin?", BASE),
    Row(BASE.replace("stdin", "syslog"), "known types: http, stdin, tcp, udp, unix", BASE),
    Row(BASE.replace('type = "stdin"\n', ""), "known types: http, stdin, tcp, udp, unix", BASE),
    Row(BASE + "[source]\n", "did you mean sources?", BASE + "[sources]\n".replace("[sources]\n", "")),
    below("[zzz]\n", "known tables: ", "[limits]\n"),
    below("[http]\nlisten = 1\n", "write it in quotes", '[http]\nlisten = "127.0.0.1:1"\n'),
    below("http = 1\n".replace("http = 1", "[redact]\ntoken = 1"), "write { … }", "[redact]\ntoken = { keep_last = 4 }\n"),
    Row("http = 1\n" + BASE, "write [http]", BASE + "[http]\n"),
    below("[redact]\nkeys = 1\n", "write [ … ]", '[redact]\nkeys = ["a"]\n'),
    below('[redact]\nenabled = "no"\n', "write true or false, without quotes", "[redact]\nenabled = false\n"),
    below('[limits]\nconnections_max = "a"\n', "write a whole number, without quotes", "[limits]\nconnections_max = 9\n"),
    below("[limits]\nconnections_max = 0\n", "write 1 or more", "[limits]\nconnections_max = 1\n"),
    below("[limits]\ndrain_seconds = -1\n", "write 0 or more", "[limits]\ndrain_seconds = 0\n"),
    below(
        f"{POST.format('https://a.example')}timeout_seconds = 0\n",
        "write more than 0",
        f"{POST.format('https://a.example')}timeout_seconds = 0.1\n",
    ),
    below('[limits]\ndrain_seconds = "a"\n', 'write seconds, or a duration such as "50ms" or "5m"', '[limits]\ndrain_seconds = "50ms"\n'),
    below('[limits]\nbody_bytes_max = "a"\n', 'write bytes, or a size such as "256MiB"', '[limits]\nbody_bytes_max = "256MiB"\n'),
    below('[metrics.m]\nkind = "gauge"\nvalue = "x"\nbuckets = ["a"]\n', "write a number, without quotes", '[metrics.m]\nkind = "histogram"\nvalue = "x"\nbuckets = [1]\n'),
    below("[metrics.m]\n", "add kind = …", '[metrics.m]\nkind = "counter"\n'),
    below('[metrics.m]\nkind = "count"\n', "did you mean counter?", '[metrics.m]\nkind = "counter"\n'),
    below('[metrics.m]\nkind = "x"\n', "known values: counter, gauge, histogram, quantile, ratio", '[metrics.m]\nkind = "counter"\n'),
    below('[metrics.process_open_fds]\nkind = "counter"\n', "choose another name", '[metrics.open_fds]\nkind = "counter"\n'),
    below('[metrics.http_requests]\nkind = "counter"\n', "choose another name", '[metrics.my_requests]\nkind = "counter"\n'),
    below('[metrics.m]\nkind = "counter"\nwhere = "a = 1"\n', "write `==`", '[metrics.m]\nkind = "counter"\nwhere = "a == 1"\n'),
    below('[metrics.m]\nkind = "counter"\nwhere = "a =="\n', "correct it or remove it", '[metrics.m]\nkind = "counter"\n'),
    below("[fields]\nlevels = 'a'\n", "did you mean level?", "[fields]\nlevel = 'a'\n"),
    below("[fields]\nduration = { path = 'a', unit = 'parsec' }\n", "known values: s, ms, us, ns", "[fields]\nduration = { path = 'a', unit = 'ms' }\n"),
    below(f"{TCP.format('127.0.0.1:0')}utc_offset = '2'\n", 'write "+hh:mm" or "-hh:mm"', f"{TCP.format('127.0.0.1:0')}utc_offset = '+02:00'\n"),
    below('[redact]\nrule_files = ["none.toml"]\n', "give a readable file", '[redact]\nrule_files = ["rules.toml"]\n'),
    below('[redact]\nremove = ["a[0]"]\n', "name the member", '[redact]\nremove = ["a"]\n'),
    below('[redact]\nallow_paths = ["*"]\n', "to redact nothing, set enabled = false", "[redact]\nenabled = false\n"),
    below('[redact]\npaths = ["a..b"]\n', "write it as a.b, *.b or a[*].b", '[redact]\npaths = ["a.b", "*.b", "a[*].b"]\n'),
    below('[redact]\npaths = ["a[x]"]\n', 'write [*], [0] or ["a.b"]', "[redact]\npaths = ['a[*]', 'a[0]', 'a[\"a.b\"]']\n"),
    below('[redact]\npaths = ["a*"]\n', "write a name or *", '[redact]\npaths = ["a", "*"]\n'),
    below('[redact]\npaths = ["a.b"]\nremove = ["a"]\n', "keep one of them", '[redact]\nremove = ["a"]\n'),
    below('[redact]\npaths = ["a"]\nallow_paths = ["a"]\n', "keep one of them", '[redact]\npaths = ["a"]\n'),
    below("[redact]\nallow_values = ['.*']\n", "write one that only harmless ones match", "[redact]\nallow_values = ['ok-[0-9]+']\n"),
    below('[redact]\nreplacement = "a b"\n', "leave them out", '[redact]\nreplacement = "ab"\n'),
    below('[redact]\nreplacement = ""\n', "write 1 to 15", '[redact]\nreplacement = "***"\n'),
    below('[redact]\nreplacement = "378282246310005"\n', "write a mark such as ***", '[redact]\nreplacement = "***"\n'),
    below('[redact]\nreplacement = "***"\ntoken = { keep_last = 4 }\n', "keep one of them", '[redact]\nreplacement = "***"\n'),
    below('[redact]\npii = ["emial"]\n', "did you mean email?", '[redact]\npii = ["email"]\n'),
    below('[redact]\ndisable = ["githb_token"]\n', "did you mean github_token?", '[redact]\ndisable = ["github_token"]\n'),
    below(
        '[redact]\ndisable = ["own"]\n' + RULE.format("own"),
        "take its [[redact.rules]] away instead",
        "",
    ),
    below(RULE.format("A"), "correct it or remove it", RULE.format("a")),
    below(RULE.format("a") + 'examples = ["x"]\n', "correct it or remove it", RULE.format("a") + 'examples = ["abc1"]\n'),
    below(RULE.format("a").replace("abc", "").replace("+", "*"), "make it match at least one byte", RULE.format("a")),
    below(RULE.format("a") + "keep_last = 99\n", "at most 8", RULE.format("a") + "keep_last = 8\n"),
    below(RULE.format("a") + 'check = "said"\n', "write not_placeholder", RULE.format("a") + 'check = "not_placeholder"\n'),
    below(RULE.format("a") + 'check = "luhm"\n', "did you mean luhn?", RULE.format("a") + 'check = "luhn"\n'),
    below(
        '[[redact.rules]]\nname = "a"\ncandidate = "digits"\ncheck = "luhn"\n',
        "known: digits+card",
        '[[redact.rules]]\nname = "a"\ncandidate = "digits"\ncheck = "card"\n',
    ),
    below('[redact.token]\nhmac_key = "short"\n', "correct it or remove it", f'[redact.token]\nhmac_key = "{"k" * 32}"\n'),
    below(FILE.format("$HOME/a"), "write ${NAME} for a variable, $$ for a dollar", FILE.format("${HOME}/a"), environ={"HOME": "."}),
    below(FILE.format("$HOME/a"), "write ${NAME} for a variable, $$ for a dollar", FILE.format("$$HOME/a")),
    below(FILE.format("${ODD}/a"), "write what it stands for", FILE.format("${ODD}/a"), environ={"ODD": "$X"}, after={"ODD": "x"}),
    below(FILE.format("~/a"), "write the whole path, or ./~… for a name that begins so", FILE.format("./~/a")),
    below(FILE.format("a-%Y.log"), "write one name, and %% for a percent sign", FILE.format("a-%%Y.log")),
    below(FILE.format("${A}"), "set it, or write ${A:-default}", FILE.format("${A}"), after={"A": "a"}),
    below(FILE.format("${A}"), "set it, or write ${A:-default}", FILE.format("${A:-default}")),
    below(FILE.format("${A:?say}"), "set A", FILE.format("${A:?say}"), after={"A": "a"}),
    below(FILE.format("${a}"), "write ${NAME} with NAME in A-Z, 0-9 and _, or $$ for a dollar", FILE.format("$${a}")),
    below(FILE.format(""), "give a path in a directory that this user may write to", FILE.format("data/app.log")),
    below(FILE.format("rules.toml/a"), "give a path in a directory that this user may write to", FILE.format("data/app.log")),
    below(f"{FILE.format('a')}mode = 'rw'\n", 'write octal digits: "0640"', f'{FILE.format("a")}mode = "0640"\n'),
    below(FILE.format("a") + FILE.format("a").replace("file]", "more]"), "give each its own", FILE.format("a") + FILE.format("b").replace("file]", "more]")),
    Row('data_dir = "rules.toml"\n' + BASE, "give another directory", 'data_dir = "data"\n' + BASE),
    below(TCP.format("9020"), 'write host:port, such as "127.0.0.1:9020"', TCP.format("127.0.0.1:9020")),
    below(TCP.format("0.0.0.0:9"), "listen on 127.0.0.1, set tls, or accept the risk", TCP.format("127.0.0.1:9")),
    below(TCP.format("0.0.0.0:9"), "accept the risk with insecure_listen = true", TCP.format("0.0.0.0:9") + "insecure_listen = true\n"),
    below(TCP.replace("tcp", "udp").format("0.0.0.0:9"), "set allow_from", TCP.replace("tcp", "udp").format("0.0.0.0:9") + 'allow_from = ["10.0.0.0/8"]\n'),
    below(TCP.replace("tcp", "udp").format("127.0.0.1:9") + "allow_from = ['a']\n", 'write it as "10.0.0.0/8"', TCP.replace("tcp", "udp").format("127.0.0.1:9") + 'allow_from = ["10.0.0.0/8"]\n'),
    below(TCP.format("127.0.0.1:0") + "tls = { cert_file = 'a', key_file = 'b' }\n", "give a PEM certificate chain and its private key", TCP.format("127.0.0.1:0")),
    below('[sources.u]\ntype = "unix"\npath = "rules.toml"\n', "remove it or give another path", '[sources.u]\ntype = "unix"\npath = "a.sock"\n'),
    below(f'[sources.u]\ntype = "unix"\npath = "{"a" * 200}"\n', "give a shorter path, such as /run/headrig.sock", '[sources.u]\ntype = "unix"\npath = "a.sock"\n'),
    below(WEB, "set http.listen or sources.web.listen", WEB + '[http]\nlisten = "127.0.0.1:9600"\n'),
    below(WEB, "set http.listen or sources.web.listen", WEB + 'listen = "127.0.0.1:9601"\n'),
    below(f'{WEB}[http]\nlisten = "0.0.0.0:9"\n', "set sources.web.token_file or http.token_file", f'{WEB}token_file = "secret"\n[http]\nlisten = "0.0.0.0:9"\n'),
    below(f'{WEB}[http]\nlisten = "0.0.0.0:9"\n', "or http.token_file", f'{WEB}[http]\nlisten = "0.0.0.0:9"\ntoken_file = "secret"\n'),
    below(f'{WEB}[http]\nlisten = "0.0.0.0:9"\n', "accept the risk with insecure_listen = true", f'{WEB}insecure_listen = true\n[http]\nlisten = "0.0.0.0:9"\n'),
    below(f'{WEB}path = "in"\n[http]\n', 'write one such as "/ingest"', f'{WEB}path = "/ingest"\n[http]\n'),
    below(f'{WEB}token = " "\n[http]\n', "give a token, or remove the key", f"{WEB}[http]\n"),
    below(f'{WEB}token = "a\\nb"\n[http]\n', "give it alone, in one line", f'{WEB}token = "a b"\n[http]\n'),
    below(f'{WEB}token = "a\\u0000b"\n[http]\n', "give it alone, in one line", f'{WEB}token = "ä"\n[http]\n'),
    below(f"{WEB}tls = {{ cert_file = 'a', key_file = 'b' }}\n[http]\n", "set sources.web.listen, or use http.tls", f"{WEB}[http]\n"),
    below(f"{WEB}listen = 'unix:a.sock'\ntls = {{ cert_file = 'a', key_file = 'b' }}\n", "remove it: the socket file's mode says who may connect", f"{WEB}listen = 'unix:a.sock'\n"),
    below("[http]\nhosts = ['https://a']\n", 'write names alone, without scheme or port, such as "logs.example"', "[http]\nhosts = ['logs.example']\n"),
    below(f"{WEB}token_file = 'none'\n[http]\n", "give a readable file that holds the secret alone", f"{WEB}token_file = 'secret'\n[http]\n"),
    below(f"{WEB}token_file = 'empty'\n[http]\n", "put the secret into it", f"{WEB}token_file = 'secret'\n[http]\n"),
    below(f"{WEB}token_file = 'secret'\ntoken = 'a'\n[http]\n", "give one of the two", f"{WEB}token = 'a'\n[http]\n"),
    below(POST.format("a"), "write https://host/path", POST.format("https://host/path")),
    below(POST.format("https://u:p@a"), "give them in a header of their own", POST.format("https://a") + 'auth_header = "Basic dTpw"\n'),
    below(POST.format("https://a") + 'auth_header = "\\t"\n', "give printable ASCII in one line, and not nothing", POST.format("https://a") + 'auth_header = "Bearer a"\n'),
    below(POST.format("http://a") + 'ca_file = "rules.toml"\n', "remove it, or use https", POST.format("http://a")),
    below(POST.format("https://a") + 'ca_file = "none"\n', "give a readable PEM file", POST.format("https://a")),
    below(f"[http]\nlisten = '127.0.0.1:9'\n{WEB}{POST.format('http://127.0.0.1:9/ingest')}", "every line would come round again: give another address", f"[http]\nlisten = '127.0.0.1:9'\n{WEB}{POST.format('http://127.0.0.1:8/')}"),
    below(FORWARD.format("a"), "write unix:/path, http://host:port or https://host:port", FORWARD.format("unix:/path")),
    below(FORWARD.format("http://a/in"), "write them alone, and a path other than /ingest into the key `path`", FORWARD.format("http://a") + 'path = "/in"\n'),
    below('[notifiers.s]\ntype = "slack"\n', "add url = … or url_file = …", '[notifiers.s]\ntype = "slack"\nurl = "https://a/b"\n'),
    below("[thresholds.x]\nenabled = false\n", "known presets: ", "[thresholds.high-latency]\nenabled = false\n"),
    threshold('operator = ">"\n', "did you mean gt?", 'operator = "gt"\n', 'operator = "gt"\n'),
    threshold("value = [1, 2]\n", "write one", "value = 1\n", "value = 5\n"),
    threshold('value = "a"\n', "write a number; for within and outside [lowest, highest]", "value = 1\n", "value = 5\n"),
    threshold("value = nan\n", "write a number", "value = 1\n", "value = 5\n"),
    threshold('operator = "within"\nvalue = 5\n', "write [lowest, highest]", 'operator = "within"\nvalue = [1, 2]\n', 'operator = "gt"\nvalue = 5\n'),
    threshold("value = [2, 1]\noperator = 'within'\n", "write [lowest, highest]", "value = [1, 2]\noperator = 'within'\n", 'operator = "gt"\nvalue = 5\n'),
    threshold("resolve_value = 6\n", "give 5 or less", "resolve_value = 5\n"),
    threshold("window_seconds = 45\n", "give 40 or 50 s", "window_seconds = 50\n", "window_seconds = 60\n"),
    threshold("window_seconds = 0\n", "give 10 s up to 7 days", "window_seconds = '7d'\n", "window_seconds = 60\n"),
    threshold('aggregate = "median"\n', "known values: mean, sum, count, min, max, rate, p50 … p99", 'aggregate = "p50"\n'),
    threshold('group_by = ["a-b"]\n', "use A-Z a-z 0-9 _, no digit first", 'group_by = ["a_b"]\n'),
    threshold('title = "$5"\n', "write $$ for a dollar, ${value} for the value", 'title = "$$5"\n', 'title = "a"\n'),
    threshold('title = "${labels.a}"\n', "add 'a' to group_by", 'title = "${labels.a}"\ngroup_by = ["a"]\n', 'title = "a"\n'),
    threshold('title = "${valeu}"\n', "did you mean ${value}?", 'title = "${value}"\n', 'title = "a"\n'),
    threshold('title = ""\n', "write one of 1 to 2000 characters", 'title = "x"\n', 'title = "a"\n'),
    threshold('resolve_value = 1\noperator = "eq"\n', "remove it", 'operator = "eq"\n', 'operator = "gt"\n'),
    threshold(f"group_by = {[f'l{n}' for n in range(17)]}\n", "correct it or remove it", "group_by = ['l0']\n"),
    below(THRESHOLD.replace(".t]", '."in put"]'), "use at most 64 of A-Z a-z 0-9 _ . -", THRESHOLD.replace(".t]", ".in_put]")),
    below('[metrics.m]\nkind = "counter"\nwhere = "a > true"\n', "expected == or !=", '[metrics.m]\nkind = "counter"\nwhere = "a == true"\n'),
]  # fmt: skip
"""By what is wrong."""

DEFAULTS = [
    ({"PORT": "http"}, "set a whole number up to 65535, or unset it", {"PORT": "8080"}),
    ({"LOG_FILE_BUFFER_SIZE": "x"}, "set a whole number, or unset it", {}),
    ({"LOG_HTTP_AUTH_HEADER": "a"}, "set it, or unset LOG_HTTP_AUTH_HEADER", {}),
    ({"LOG_HTTP_AUTH_HEADER": "a"}, "set it, or unset", {"LOG_HTTP_AUTH_HEADER": "a", "LOG_HTTP_ENDPOINT": "https://a"}),
    ({"HEADRIG_HTTP_LISTEN": "0.0.0.0:9"}, "listen on 127.0.0.1, or write a file of settings", {"HEADRIG_HTTP_LISTEN": "127.0.0.1:9"}),
    ({"TELEGRAM_CHAT_ID": "1"}, "set it, or unset TELEGRAM_CHAT_ID", {}),
    ({"SMTP_HOST": "a", "ALERT_EMAIL_FROM": "a", "ALERT_EMAIL_TO": "a", "SMTP_PORT": "x"}, "set one up to 65535", {"SMTP_HOST": "a", "ALERT_EMAIL_FROM": "a", "ALERT_EMAIL_TO": "a", "SMTP_PORT": "25"}),
    ({"LOG_FILE": "~/a"}, "write the whole path", {"LOG_FILE": "./~/a"}),
]  # fmt: skip
"""Variables of a run without a file: wrong ones, the remedy, and right ones."""

ELSEWHERE = {
    "name regular files": "a reload only",
    "write it elsewhere and rename it to here, then send the signal": "a reload only",
    "give settings that can be read again in a file": "a reload only",
    "give the path of a readable file.*": "there are no settings: tests/test_cli_start.py",
    "make it a readable file, or give the path of another": "there are no settings: tests/test_cli_start.py",
    "save the file as UTF-8": "tests/test_config.py",
    "change its owner, or give another": "not for the superuser who runs tests",
    "change the (value|table)": "for a bound that has no words of its own; none has",
    "known: .*": "printed as known values, or the nearest of them",
    "name one port, or one address": "seen when it opens",
    "connect it, or remove the (sink|source)": "seen when it opens: tests/test_cli.py",
    "choose a port from 1024 up.*|stop th.*|give a path that can be written|give an address of this machine": "seen when it opens",
}
"""Remedies of the same modules that reading settings does not print, and who does."""


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """What the settings name is relative to where the process starts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.toml").write_text("")
    (tmp_path / "empty").write_text("")
    (tmp_path / "secret").write_text("fake-token")
    (tmp_path / "secret").chmod(0o600)


def said(text: str, environ: Mapping[str, str]) -> list[str]:
    """The remedies of settings."""
    Path("headrig.toml").write_text(text)
    return [error.remedy for error in config.check("headrig.toml", environ)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.remedy[:40])
def test_remedy(row):
    """
    It is said of what is wrong, and with it done nothing is.
    """
    assert [row.remedy] == [row.remedy for remedy in said(row.wrong, row.environ) if row.remedy in remedy][:1]
    assert [] == said(row.right, row.environ if row.after is None else row.after)


@pytest.mark.parametrize(("wrong", "remedy", "right"), DEFAULTS)
def test_remedy_of_a_variable(wrong, remedy, right):
    """
    What is said of a variable works, too.
    """
    assert any(remedy in error.remedy for error in config.read(None, wrong)[1])
    assert [] == config.read(None, right)[1]


def test_remedy_of_a_warning():
    """
    A threshold on a metric that no event feeds is told a table that exists.
    """
    text = BASE + THRESHOLD.replace("error.rate", "orders")
    Path("headrig.toml").write_text(text)
    loaded, _ = config.read("headrig.toml", {})
    Path("headrig.toml").write_text(f'{text}[metrics.orders]\nkind = "counter"\n')
    mended, _ = config.read("headrig.toml", {})

    assert ["thresholds.t.metric: no event feeds orders; add a [metrics.ID] table, or record its values"] == [
        warning for warning in loaded.warnings if "orders" in warning
    ]
    assert () == mended.warnings


def words(node: ast.AST) -> str | None:
    """A text, with what is filled in as `.*`."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".*" for part in node.values)
    return None


def remedies() -> Iterator[str]:
    """Every remedy in the source of what reads settings, as a pattern."""
    for folder in ("config", "sources", "sinks", "notifiers", "web", "net", "alerts"):
        for path in sorted((ROOT / "python/headrig" / folder).glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                found: list[ast.AST] = []
                if (isinstance(node, ast.keyword) and node.arg == "remedy") or (
                    isinstance(node, ast.Assign) and "remedy" in ast.unparse(node.targets[0]).lower()
                ):
                    found = [node.value]
                elif isinstance(node, ast.Yield) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 3:
                    found = [node.value.elts[2]]
                for value in found:
                    branches = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
                    yield from filter(None, map(words, branches))
    for path in sorted((ROOT / "rust/core/src").rglob("*.rs")):
        refusals = r'(?:Err|fail|RuleError::new|=> format!)\(.*"[^"\n]*; ([^"\n]+)"'
        for text in re.findall(refusals, path.read_text().split("#[cfg(test)]")[0]):
            yield re.sub(r"\\\{[^}]*\\\}", ".*", re.escape(text))


def test_no_remedy_is_forgotten():
    """
    Every remedy that the source of the settings names is followed above, or it is said who else prints it.
    """
    printed = {remedy for row in ROWS for remedy in said(row.wrong, row.environ)}
    printed |= {error.remedy for wrong, *_ in DEFAULTS for error in config.read(None, wrong)[1]}
    printed.add("add a [metrics.ID] table, or record its values")
    patterns = {pattern for pattern in remedies() if re.search("[a-z]", pattern)}
    forgotten = [pattern for pattern in patterns if not any(re.fullmatch(pattern, remedy) for remedy in printed)]
    plain = [re.sub(r"\\(.)", r"\1", pattern) for pattern in forgotten]

    assert len(patterns) > 60
    assert [] == [text for text in plain if not any(re.fullmatch(known, text) for known in ELSEWHERE)]
