"""The files in docker/: what can be known of them without building an image."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import free_port, running

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
DOCKERFILE = (DOCKER / "Dockerfile").read_text()


def run(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, cwd=DOCKER, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


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
    text = (DOCKER / "headrig.toml").read_text().replace("/var/lib/headrig", str(tmp_path))
    (tmp_path / "headrig.toml").write_text(text)
    code, said = run(sys.executable, "-m", "headrig", "validate", str(tmp_path / "headrig.toml"))

    assert 0 == code, said


def test_rules_are_the_readmes():
    """
    Every query of the README is recorded, and nothing else.
    """
    queries = re.findall(r"^```promql\n(.*?)\n```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
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


@pytest.mark.timeout(30)
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
