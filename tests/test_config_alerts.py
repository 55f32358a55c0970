"""Thresholds, notifiers and the variables of alert channels in the settings."""

import re

import pytest

from headrig import config
from headrig.alerts.presets import PRESETS
from headrig.notifiers import ConsoleConfig, SlackConfig

BASE = """
[sources.in]
type = "tcp"
listen = "127.0.0.1:0"
[sinks.out]
type = "stdout"
"""
ERRORS = """
[thresholds.high-error-rate]
metric = "error.rate"
operator = "gt"
value = 5
window_seconds = "5m"
for_seconds = 60
severity = "critical"
category = "error"
title = "High Error Rate"
message = "Error rate is ${value}%, threshold is ${threshold}%"
"""
HOOK = "https://hooks.slack.example/services/hookcanary"


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path, monkeypatch):
    """
    The defaults are relative to where the process starts.
    """
    monkeypatch.chdir(tmp_path)


def read(tmp_path, text, **environ):
    path = tmp_path / "headrig.toml"
    path.write_text(BASE + text)
    return config.read(str(path), environ)


def complaints(tmp_path, text, **environ):
    _, errors = read(tmp_path, text, **environ)
    return [re.sub(rf"^{re.escape(str(tmp_path))}/headrig.toml:[0-9]+: ", "", str(error)) for error in errors]


def test_presets_and_console(tmp_path):
    """
    Without a word about alerts the runbook's four are on and the console shows them.
    """
    loaded, _ = read(tmp_path, "")

    assert (PRESETS, {"console": ConsoleConfig()}, ()) == (loaded.thresholds, loaded.notifiers, loaded.warnings)


def test_replacing_and_switching_off(tmp_path):
    """
    A table of a preset's name replaces it, or switches it off; templates are not expanded.
    """
    loaded, _ = read(tmp_path, ERRORS + "[thresholds.high-latency]\nenabled = false\n")
    mine = loaded.thresholds["high-error-rate"]

    assert (300.0, 60.0, 0) == (mine.window_seconds, mine.for_seconds, mine.min_samples)
    assert "Error rate is ${value}%, threshold is ${threshold}%" == mine.message
    assert set(PRESETS) - {"high-latency"} == set(loaded.thresholds)


def test_values_from_variables(tmp_path):
    """
    A number may be wholly a variable; what is wrong with it does not show it.
    """
    text = ERRORS.replace("value = 5", 'value = "${LIMIT}"')
    loaded, _ = read(tmp_path, text, LIMIT="7.5")

    assert 7.5 == loaded.thresholds["high-error-rate"].value
    assert [
        (
            "thresholds.high-error-rate.value: expected a number, got the value of LIMIT; "
            "write a number; for within and outside [lowest, highest]"
        )
    ] == complaints(tmp_path, text, LIMIT="canary")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ERRORS.replace("value = 5", "vlaue = 5"), "thresholds.high-error-rate.vlaue: unknown key; did you mean value?"),
        (ERRORS.replace('"5m"', '"45s"'), "thresholds.high-error-rate.window_seconds: 45 s is no multiple of 10 s; give 40 or 50 s"),
        (ERRORS.replace("${value}", "${valeu}"), "thresholds.high-error-rate.message: unknown name ${valeu}; did you mean ${value}?"),
        (ERRORS + "enabled = 0\n", "thresholds.high-error-rate.enabled: expected true or false, got a number; write true or false, without quotes"),
        ("[thresholds.high-latncy]\nenabled = false\n", "thresholds.high-latncy: unknown preset; did you mean high-latency?"),
        ("[thresholds]\nx = 1\n", "thresholds.x: expected a table, got a number; write [thresholds.x]"),
        ("[notifiers.x]\ntype = 'slak'\n", "notifiers.x.type: unknown type; did you mean slack?"),
        ("[notifiers.x]\ntype = 'slack'\n", "notifiers.x.url: missing; add url = … or url_file = …"),
        ("[notifiers.x]\ntype = 'slack'\nurl = 'hookcanary'\n", "notifiers.x.url: not an address; write https://host/path"),
    ],
)  # fmt: skip
def test_wrong_tables(tmp_path, text, complaint):
    """
    What is wrong is named with path and remedy, and the address of a webhook never shown.
    """
    found = complaints(tmp_path, text)

    assert complaint in found
    assert "hookcanary" not in "".join(found)


def test_the_core_is_asked(tmp_path):
    """
    A threshold that only the core can judge is refused at its place.
    """
    labels = str([f"l{n}" for n in range(40)])

    assert ["thresholds.high-error-rate: group_by of more than 16 labels; correct it or remove it"] == complaints(
        tmp_path, ERRORS + f"group_by = {labels}\n"
    )


def test_warnings(tmp_path):
    """
    A metric that nothing feeds, and alerts that nobody is told of, are worth a warning.
    """
    own = '[metrics.orders]\nkind = "counter"\nwhere = \'event == "order"\'\n'
    loaded, _ = read(tmp_path, ERRORS.replace("error.rate", "eror.rate") + "[notifiers]\n")
    fed, _ = read(tmp_path, ERRORS.replace("error.rate", "orders") + own)

    assert (
        "thresholds.high-error-rate.metric: no event feeds eror.rate; did you mean error.rate?",
        "notifiers: none given: nobody is told of alerts",
    ) == loaded.warnings
    assert () == fed.warnings


def test_secret_in_a_file(tmp_path):
    """
    The webhook may be in a file; it is in no representation.
    """
    (tmp_path / "hook").write_text(HOOK + "\n")
    loaded, _ = read(tmp_path, f'[notifiers.s]\ntype = "slack"\nurl_file = "{tmp_path}/hook"\n')

    assert HOOK == loaded.notifiers["s"].url
    assert "hookcanary" not in repr(loaded) + repr(loaded.notifiers)


def test_slack_variable():
    """
    SLACK_WEBHOOK_URL adds the channel beside the console; a wrong one is an error at the variable.
    """
    loaded = config.load(None, {"SLACK_WEBHOOK_URL": HOOK})
    _, errors = config.read(None, {"SLACK_WEBHOOK_URL": "hookcanary"})

    assert {"console": ConsoleConfig(), "slack": SlackConfig(url=HOOK)} == loaded.notifiers
    assert ["environment: SLACK_WEBHOOK_URL: not an address; write https://host/path"] == [str(e) for e in errors]


TELEGRAM = {"TELEGRAM_BOT_TOKEN": "bot-canary", "TELEGRAM_CHAT_ID": "1"}
MAIL = {"SMTP_HOST": "smtp.example.com", "ALERT_EMAIL_FROM": "a@example.com", "ALERT_EMAIL_TO": "b@example.com"}


def test_channels_to_come():
    """
    Complete Telegram and mail variables are taken, with one warning each that nothing is delivered there yet.
    """
    loaded = config.load(None, {**TELEGRAM, **MAIL, "SMTP_PORT": "587", "SMTP_USER": "u", "SMTP_PASS": "canary"})

    assert (
        "TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID: notices are not delivered by Telegram yet",
        "SMTP_HOST, ALERT_EMAIL_FROM, ALERT_EMAIL_TO: notices are not delivered by mail yet",
    ) == loaded.warnings
    assert ["console"] == list(loaded.notifiers)


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"TELEGRAM_BOT_TOKEN": "bot-canary"}, ["TELEGRAM_CHAT_ID: is not set, though TELEGRAM_BOT_TOKEN is"]),
        ({"TELEGRAM_CHAT_ID": "1", "TELEGRAM_BOT_TOKEN": ""}, ["TELEGRAM_BOT_TOKEN: is not set, though TELEGRAM_CHAT_ID is"]),
        ({**MAIL, "ALERT_EMAIL_TO": ""}, ["ALERT_EMAIL_TO: is not set, though SMTP_HOST is"]),
        ({**MAIL, "SMTP_USER": "u"}, ["SMTP_PASS: is not set, though SMTP_USER is"]),
        ({**MAIL, "SMTP_PASS": "canary"}, ["SMTP_USER: is not set, though SMTP_PASS is"]),
        ({"SMTP_PORT": "587"}, [f"{name}: is not set, though SMTP_PORT is" for name in MAIL]),
        ({**MAIL, "SMTP_PORT": "mail"}, ["SMTP_PORT: not a port; set one up to 65535"]),
        ({**MAIL, "SMTP_PORT": "65536"}, ["SMTP_PORT: not a port; set one up to 65535"]),
    ],
)  # fmt: skip
def test_half_set(environ, missing):
    """
    A half-set channel is an error that names the variable, and shows no value of another.
    """
    _, errors = config.read(None, environ)
    text = "\n".join(map(str, errors))

    assert len(missing) == len(errors)
    assert all(f"environment: {each}" in text for each in missing)
    assert "canary" not in text
