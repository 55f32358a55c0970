"""The files in docker/: what can be known of them without building an image."""

import json
import re
import signal
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from headrig_process import Run, environment, headrig

from tests.running import free_port, running

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()


README = (ROOT / "README.md").read_text()
TOKEN = "fake-token-for-tests"


def run(*command: str, **more: str) -> tuple[int, str]:
    done = subprocess.run(command, cwd=DOCKER, env=environment(**more), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def moved(text: str, ports: dict[str, str]) -> str:
    """Text about the ports of the image, with others in their place."""
    return re.sub("|".join(ports) or "$^", lambda port: ports[port[0]], text)


def shipped(tmp_path: Path, ports: dict[str, str] | None = None) -> None:
    """The settings of the image as a file in another directory, and with other ports."""
    text = (DOCKER / "headrig.toml").read_text().replace("/var/lib/headrig", str(tmp_path))
    (tmp_path / "headrig.toml").write_text(moved(text, ports or {}))


def test_dockerfile_is_clean():
    """
    The linter has nothing against the Dockerfile.
    """
    assert (0, "") == run(str(Path(sys.executable).parent / "hadolint"), "--no-color", "Dockerfile")


def test_prometheus_accepts():
    """
    Prometheus takes its configuration and every rule.
    """
    code, said = run("promtool", "check", "config", "prometheus.yml")
    rules = len(re.findall(r"^ +- (?:record|alert):", (DOCKER / "rules.yml").read_text(), re.MULTILINE))

    assert 0 == code, said
    assert f"{rules} rules found" in said


def test_configuration_is_valid(tmp_path):
    """
    The configuration of the image is valid, wherever its directory may be.
    """
    shipped(tmp_path)
    code, said = run(sys.executable, "-m", "headrig", "validate", str(tmp_path / "headrig.toml"), HEADRIG_TOKEN=TOKEN)

    assert 0 == code, said


@pytest.mark.parametrize("environ", [{}, {"HEADRIG_TOKEN": ""}])
def test_token_is_missing(tmp_path, environ):
    """
    Without the token the image does not start, and says which variable it wants.
    """
    shipped(tmp_path)
    done = headrig("run", "-c", str(tmp_path / "headrig.toml"), **environ)

    line = 1 + next(
        index
        for index, text in enumerate((tmp_path / "headrig.toml").read_text().splitlines())
        if "${HEADRIG_TOKEN" in text and not text.startswith("#")
    )

    assert 78 == done.returncode
    assert (
        f"{tmp_path}/headrig.toml:{line}: sources.http.token: variable HEADRIG_TOKEN is not set: "
        "whoever sends lines by HTTP has to show it; set HEADRIG_TOKEN\n"
    ) == done.stderr.decode()


def test_compose_asks_for_the_token():
    """
    Compose hands the token on, refuses to start without it, and publishes what the README feeds, to this machine alone.
    """
    compose = (DOCKER / "compose.yaml").read_text()
    ports = re.findall(r'^ +- "(127\.0\.0\.1:\d+:\d+)"$', compose, re.MULTILINE)

    assert re.search(r"^      HEADRIG_TOKEN: \$\{HEADRIG_TOKEN:\?[^}]+\}$", compose, re.MULTILINE)
    assert {"127.0.0.1:9020:9020", "127.0.0.1:9600:9600"} <= set(ports)
    assert [] == re.findall(r'^ +- "[0-9]+:[0-9]+"$', compose, re.MULTILINE)


SERVICE = """
import logging
import headrig
headrig.install()
logging.getLogger("shop").error("from a service")
print(headrig.flush(timeout_seconds=20))
"""


def test_shipped_settings_take_what_the_readme_sends(tmp_path):
    """
    The settings of the image, as the README feeds them: by nc, by curl with the token, by a service; Prometheus scrapes them
    without one, and lines without the token are refused.
    """
    ports = {"9020": str(free_port()), "9600": str(free_port())}
    shipped(tmp_path, ports)
    (tmp_path / "lines.log").write_text('{"n":1}\n')
    feeds = re.findall(
        r"^(?:nc|curl) .*app\.log.*$", README.split("### In a container")[1].split("\n###")[0], re.MULTILINE
    )
    feeds = [moved(feed.replace("app.log", "lines.log"), ports) for feed in feeds]
    url = f"http://127.0.0.1:{ports['9600']}"
    with Run("-c", str(tmp_path / "headrig.toml"), cwd=tmp_path, HEADRIG_TOKEN=TOKEN) as running_one:
        fed = [run("bash", "-c", f"cd {tmp_path} && {feed}", HEADRIG_TOKEN=TOKEN) for feed in feeds]
        refused = run("bash", "-c", f"cd {tmp_path} && {feeds[-1]}", HEADRIG_TOKEN="wrong")
        service = run(sys.executable, "-c", SERVICE, HEADRIG_TO=url, HEADRIG_TOKEN=TOKEN)
        with urllib.request.urlopen(f"{url}/metrics") as page:
            scraped = page.read().decode()
        running_one.signal(signal.SIGTERM)
        code = running_one.end()

    assert 2 == len(feeds)
    assert [(0, ""), (0, '{"accepted":1}\n')] == fed
    assert (0, '{"error":"a bearer token is needed"}\n') == refused
    assert (0, "True\n") == service
    assert 'headrig_lines_received_total{component_id="http"} 2.0' in scraped
    assert 0 == code
    assert 3 == (tmp_path / "app.log").read_bytes().count(b"\n")


def test_rules_are_the_readmes():
    """
    Every query of the README is recorded, and nothing else.
    """
    queries = re.findall(r"^```promql\n(.*?)\n```$", README, re.DOTALL | re.MULTILINE)
    recorded = re.findall(r"- record: .*\n +expr: (.*)", (DOCKER / "rules.yml").read_text())

    assert queries == recorded


def test_stages_copy_what_exists():
    """
    What is copied into the image is in the repository and not kept out of the build.
    """
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    let_in = {line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}

    assert set(sources) == let_in
    assert [] == [source for source in sources if not (ROOT / source).exists()]


def test_health_check_is_python():
    """
    The image's own Python asks for health: the command is one that Python can run, against the port headrig has.
    """
    (command,) = re.findall(r"^ +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    python, flag, code = json.loads(command)

    assert ("python", "-c") == (python, flag)
    assert "127.0.0.1:9600/health" in code
    assert 'listen = "0.0.0.0:9600"' in (DOCKER / "headrig.toml").read_text()


def test_health_check_sees_health(tmp_path):
    """
    The health check ends with 0 beside a headrig that is well, with 1 when nobody answers.
    """
    (command,) = re.findall(r"^ +CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    code = json.loads(command)[2]
    with running(tmp_path) as run_of_it:
        well = subprocess.run([sys.executable, "-c", code.replace("9600", str(run_of_it.http))], check=False)
    gone = subprocess.run([sys.executable, "-c", code.replace("9600", str(free_port()))], check=False)

    assert (0, 1) == (well.returncode, gone.returncode)


ERROR = 'http_request_errors_total{route="/a",error_type="503"}'
ALL = 'http_requests_total{route="/a",method="GET",status="200"}'


def test_error_rate_alert(tmp_path):
    """
    More than 5 % errors for five minutes fire; less or shorter does not, nor a share of a handful of requests.
    """
    labels = {"severity": "critical", "category": "error"}
    annotations = {
        "summary": "High Error Rate",
        "description": "Error rate is 6%, threshold is 5%",
        "steps": "Errors by endpoint, recent ERROR lines, their trace ids, then AI providers and databases.",
    }
    cases = [
        ("0+6x60", "0+100x60", "8m", [{"exp_labels": labels, "exp_annotations": annotations}]),
        ("0+6x60", "0+100x60", "4m", []),
        ("0+4x60", "0+100x60", "8m", []),
        ("0+1x60", "0+2x60", "8m", []),
    ]
    tests = [
        {
            "interval": "15s",
            "input_series": [{"series": ERROR, "values": errors}, {"series": ALL, "values": requests}],
            "alert_rule_test": [{"eval_time": at, "alertname": "HighErrorRate", "exp_alerts": alerts}],
        }
        for errors, requests, at, alerts in cases
    ]
    # JSON is YAML.
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": [str(DOCKER / "rules.yml")], "tests": tests}))
    code, said = run("promtool", "test", "rules", str(tmp_path / "test.yml"))

    assert 0 == code, said


SCRAPE_SECONDS = (16, 61)
"""A second more than in compose and than Prometheus' own: rules are evaluated between scrapes, not at them."""
GOOD, BAD, AGAIN = 10, 15, 20
"""Minutes of a story: all is well, it is not, it is again. Longer than any `for`, with the range before it."""


def told(scrape_seconds: int, *rates: float, minutes: tuple[int, ...] = (GOOD, BAD, AGAIN)) -> str:
    """A counter as it is scraped, growing by a rate per minute for so many minutes each."""
    total, values = 0.0, [0.0]
    for rate, length in zip(rates, minutes, strict=True):
        for _ in range(length * 60 // scrape_seconds):
            total += rate * scrape_seconds / 60
            values.append(total)
    return " ".join(map(str, values))


def seen(scrape_seconds: int, *levels: object, minutes: tuple[int, ...] = (GOOD, BAD, AGAIN)) -> str:
    """A gauge as it is scraped, at a level for so many minutes each; `_` is no sample."""
    spans = zip(levels, minutes, strict=True)
    return " ".join(str(level) for level, length in spans for _ in range(length * 60 // scrape_seconds))


def latency(scrape_seconds: int, *slow: float, minutes: tuple[int, ...] = (GOOD, BAD, AGAIN)) -> dict[str, str]:
    """100 requests a minute, of which some take between 2 s and 5 s and the others less than 1 s."""
    base = 'http_request_duration_seconds_bucket{route="/a",le="'
    fast = told(scrape_seconds, *(100 - rate for rate in slow), minutes=minutes)
    every = told(scrape_seconds, *(100 for _ in slow), minutes=minutes)
    return {f'{base}1.0"}}': fast, f'{base}2.0"}}': fast, f'{base}5.0"}}': every, f'{base}+Inf"}}': every, ALL: every}


def providers(scrape_seconds: int, *errors: float, minutes: tuple[int, ...] = (GOOD, BAD, AGAIN)) -> dict[str, str]:
    """100 requests a minute to one provider, some of which fail, and to another that is well."""
    every = told(scrape_seconds, *(100 for _ in errors), minutes=minutes)
    return {
        'ai_request_errors_total{provider="p",error_type="429"}': told(scrape_seconds, *errors, minutes=minutes),
        'ai_request_duration_seconds_count{provider="p"}': every,
        'ai_request_duration_seconds_count{provider="q"}': every,
    }


def errors(scrape_seconds: int, *rates: float, minutes: tuple[int, ...] = (GOOD, BAD, AGAIN)) -> dict[str, str]:
    """100 requests a minute, some of which fail."""
    every = told(scrape_seconds, *(100 for _ in rates), minutes=minutes)
    return {ERROR: told(scrape_seconds, *rates, minutes=minutes), ALL: every}


def memory(scrape_seconds: int, *used: float, minutes: tuple[int, ...] = (GOOD, BAD, AGAIN)) -> dict[str, str]:
    """Of 100 bytes."""
    return {
        'memory_usage_bytes{type="heap_used"}': seen(scrape_seconds, *used, minutes=minutes),
        'memory_usage_bytes{type="heap_total"}': seen(scrape_seconds, *(100 for _ in used), minutes=minutes),
    }


RUNBOOK = {
    errors: ((6, 4), 1, 5, {"alertname": "HighErrorRate", "severity": "critical", "category": "error"}),
    latency: ((6, 4), 1, 5, {"alertname": "HighLatency", "severity": "warning", "category": "performance"}),
    memory: ((91, 89), 9, 10, {"alertname": "MemoryUsageHigh", "severity": "warning", "category": "system"}),
    providers: (
        *((11, 9), 1, 5),
        {"alertname": "AiProviderErrors", "severity": "critical", "category": "provider", "provider": "p"},
    ),
}
"""By its series: levels that are bad and bearable, minutes of the worst that are no alert, minutes until there is one."""
FIRING = "count by (alertname, severity, category, provider, component_id, reason) (ALERTS{alertstate='firing'})"

Story = tuple[dict[str, str], dict[int, list[dict[str, str]]]]
"""Series, and which alerts fire at which minutes."""


def tried(tmp_path: Path, scrape_seconds: int, *stories: Story) -> tuple[int, str]:
    """Ask promtool, at that interval of scrapes."""
    tests = [
        {
            "interval": f"{scrape_seconds}s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": FIRING,
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": _labels(labels), "value": 1} for labels in firing],
                }
                for minute, firing in moments.items()
            ],
        }
        for series, moments in stories
    ]
    file = {"rule_files": [str(DOCKER / "rules.yml")], "evaluation_interval": f"{scrape_seconds - 1}s", "tests": tests}
    (tmp_path / "test.yml").write_text(json.dumps(file))
    return run("promtool", "test", "rules", str(tmp_path / "test.yml"))


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


@pytest.mark.parametrize("scrape_seconds", SCRAPE_SECONDS)
def test_runbook_alerts(tmp_path, scrape_seconds):
    """
    Each alert of the runbook, scraped as in compose and as Prometheus does by itself: it fires when things are bad for the
    time stated, not before, is over when they are well again, and is silent while they are bearable or bad for a moment.
    """
    bad: dict[str, str] = {}
    bearable: dict[str, str] = {}
    moment: dict[str, str] = {}
    for series, ((worse, better), moment_minutes, _, _) in RUNBOOK.items():
        bad |= series(scrape_seconds, 0, worse, 0)
        bearable |= series(scrape_seconds, 0, better, 0)
        moment |= series(scrape_seconds, 0, 100, 0, minutes=(GOOD, moment_minutes, AGAIN))
    fires = {
        minute: [labels for *_, minutes, labels in RUNBOOK.values() if GOOD + minutes < minute < GOOD + BAD]
        for minute in (GOOD, GOOD + 4, GOOD + 9, GOOD + BAD - 3)
    }
    over: dict[int, list[dict[str, str]]] = {GOOD + BAD + 5: [], GOOD + BAD + 15: []}
    never: dict[int, list[dict[str, str]]] = {minute: [] for minute in range(1, GOOD + AGAIN, 3)}

    code, said = tried(tmp_path, scrape_seconds, (bad, fires | over), (bearable, never), (moment, never))

    assert 0 == code, said


@pytest.mark.parametrize("scrape_seconds", SCRAPE_SECONDS)
def test_alerts_about_headrig(tmp_path, scrape_seconds):
    """
    What headrig says of itself fires at either interval, also for a loss that is the first of its kind, and is over after.
    """
    dropped = 'headrig_lines_dropped_total{{component_id="{0}",component_kind="sink",reason="{1}"}}'
    notices = 'headrig_notices_dropped_total{{component_id="{0}",reason="client"}}'
    gauge, counter = partial(seen, scrape_seconds), partial(told, scrape_seconds)
    series = {
        'up{job="headrig"}': gauge(1, 0, 1),
        "headrig_ledger_imbalance": gauge(0, 7, 0),
        dropped.format("once", "server"): gauge("_", 1000, 1000),
        dropped.format("often", "server"): counter(0, 5, 0),
        dropped.format("in", "blank"): counter(0, 5, 0),
        notices.format("once"): gauge("_", 1, 1),
        notices.format("often"): counter(0, 5, 0),
        'headrig_notices_waiting{component_id="slack"}': gauge(0, 3, 0),
    }

    def alert(name: str, severity: str, **more: str) -> dict[str, str]:
        return {"alertname": name, "severity": severity, "category": "system", **more}

    lines = partial(alert, "HeadrigDropsLines", "warning", reason="server")
    given_up = partial(alert, "HeadrigDropsNotices", "critical", reason="client")
    down = alert("HeadrigDown", "critical")
    always = [down, alert("HeadrigLedgerImbalance", "critical")]
    always += [lines(component_id="often"), given_up(component_id="often")]
    first = [lines(component_id="once"), given_up(component_id="once")]
    waiting = alert("HeadrigNoticesWait", "warning", component_id="slack")
    moments = {
        GOOD - 1: [],
        GOOD + 3: [*always, *first],
        GOOD + 8: always,
        GOOD + BAD - 3: [*always, waiting],
        GOOD + BAD + 6: [],
        GOOD + BAD + 15: [],
    }

    code, said = tried(tmp_path, scrape_seconds, (series, moments))

    assert 0 == code, said
