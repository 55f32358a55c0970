"""
Turns the tables that the core needs into its spec: `[windows]`, `[lines]`, `[fields]`, `[redact]`, `[metrics.ID]`, and
what a source says about its events. A key that is left out stays out, so that defaults and bounds have one home, the
core.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, to_builtins

from headrig.alerts.threshold import Threshold, questions
from headrig.component import ComponentConfig
from headrig.config.decode import Findings, no_table, table, unknown
from headrig.config.learned import learned
from headrig.config.positions import Positions
from headrig.config.toml_file import document
from headrig.config.validate_rules import Placed, encoded, refusals
from headrig.engine import HOLDBACK_SECONDS_MAX
from headrig.errors import ConfigError
from headrig.limits import Bytes, Seconds
from headrig.model import FilePath, Secret

_OFFSET = re.compile(r"Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9])")


class WindowsTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[windows]` table."""

    lateness_seconds: Seconds | UnsetType = UNSET
    future_skew_seconds: Seconds | UnsetType = UNSET
    silence_seconds: Seconds | UnsetType = UNSET
    holdback_seconds_max: Seconds | UnsetType = UNSET
    bytes_max: Bytes | UnsetType = UNSET


class LinesTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[lines]` table: what becomes of lines that are valid and still trouble some readers. For all sources."""

    lone_surrogates: Literal["replace", "pass"] | UnsetType = UNSET
    """Half of a surrogate pair, as an escape: written as `\\ufffd`, or left as it is, which jq 1.6 ends at."""


class FieldTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one semantic field is found, in `[fields]` or in a source's `fields`."""

    path: str
    unit: str | UnsetType = UNSET


class LaneTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a `[sources.ID]` table says about its events; the rest of that table is the source's own."""

    fields: dict[str, Any] | UnsetType = UNSET
    time: Literal["event", "arrival"] | UnsetType = UNSET
    utc_offset: str | UnsetType = UNSET
    """Of times that carry none: `"+02:00"`."""


class TokenTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`token` of `[redact]`: how a secret is written once it is gone."""

    keep_last: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    hmac_key: Secret | None = None

    def __repr__(self) -> str:
        """Nothing: the key is a secret."""
        return "TokenTable(…)"


class RedactTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[redact]` table."""

    enabled: bool | UnsetType = UNSET
    disable: list[str] | UnsetType = UNSET
    enable: list[str] | UnsetType = UNSET
    keys: list[str] | UnsetType = UNSET
    allow_keys: list[str] | UnsetType = UNSET
    rules: list[Any] | UnsetType = UNSET
    rule_files: list[FilePath] | UnsetType = UNSET
    """TOML files of `[[rule]]` tables, relative to the settings."""
    paths: list[str] | UnsetType = UNSET
    allow_paths: list[str] | UnsetType = UNSET
    allow_values: list[str] | UnsetType = UNSET
    pii: list[str] | UnsetType = UNSET
    remove: list[str] | UnsetType = UNSET
    learn: list[Literal["env", "files"]] | UnsetType = UNSET
    """Values of secret variables and mounted files, and of these settings, are masked wherever they appear."""
    replacement: str | UnsetType = UNSET
    token: TokenTable | UnsetType = UNSET


class RuleTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[redact.rules]]`, or one `[[rule]]` of a rule file."""

    name: str
    anchors: list[str] | UnsetType = UNSET
    candidate: str | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    whole_word: bool | UnsetType = UNSET
    inside_word: bool | UnsetType = UNSET
    check: str | UnsetType = UNSET
    keep_last: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    examples: list[str] | UnsetType = UNSET
    counterexamples: list[str] | UnsetType = UNSET


class MetricTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[metrics.ID]`; ID is the metric's name."""

    kind: Literal["counter", "gauge", "histogram", "quantile", "ratio"]
    help: str | UnsetType = UNSET
    where: str | UnsetType = UNSET
    value: str | UnsetType = UNSET
    labels: dict[str, str] | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    buckets: list[float] | UnsetType = UNSET
    of: list[str] | UnsetType = UNSET


class SpecReader:
    """Reads the core's tables one by one, then proves the whole by building an engine of it."""

    def __init__(self, directory: str, errors: Findings, positions: dict[str, Positions]) -> None:
        """`positions` are of the settings, by the empty name; those of rule files are added."""
        self._directory = directory
        self._errors = errors
        self._positions = positions
        self._spec: dict[str, Any] = {}
        self._rules: list[Placed] = []
        self._learn: list[str] = []
        self._metrics: list[Placed] = []

    def windows(self, given: object) -> None:
        """Take `[windows]`."""
        if (windows := table(WindowsTable, given, "windows", self._errors)) is not None:
            self._spec["windows"] = to_builtins(windows)

    def lines(self, given: object) -> None:
        """Take `[lines]`."""
        if (lines := table(LinesTable, given, "lines", self._errors)) is not None:
            self._spec.update(to_builtins(lines))

    def fields(self, given: object) -> None:
        """Take `[fields]`, for all lanes."""
        self._spec["fields"] = self._fields(given, "fields")

    def line_bytes_max(self, line_bytes_max: int | None) -> None:
        """Take the bound of `[limits]` that is the core's."""
        if line_bytes_max is not None:
            self._spec["line_bytes_max"] = line_bytes_max

    def lane(self, name: str, given: Mapping[str, Any], at: str) -> None:
        """Take what a source says about its events."""
        lane = table(LaneTable, given, at, self._errors)
        if lane is None:
            return
        spec: dict[str, Any] = {}
        if lane.fields is not UNSET:
            spec["fields"] = self._fields(lane.fields, f"{at}.fields")
        if lane.time is not UNSET:
            spec["time"] = lane.time
        if lane.utc_offset is not UNSET and (seconds := self._offset(lane.utc_offset, f"{at}.utc_offset")) is not None:
            spec["utc_offset_seconds"] = seconds
        self._spec.setdefault("lanes", {})[name] = spec

    def redact(self, given: object) -> None:
        """Take `[redact]`, and the rule files it names."""
        redact = table(RedactTable, given, "redact", self._errors)
        # Rules are looked at even when the table itself is wrong, so that every error is found.
        rules = given.get("rules") if isinstance(given, dict) else None
        for index, rule in enumerate(rules if isinstance(rules, list) else []):
            self._rule(rule, f"redact.rules[{index}]", "redact.rules", "")
        if redact is None:
            return
        spec = to_builtins(redact)
        for key in ("rules", "rule_files"):
            spec.pop(key, None)
        token = spec.pop("token", {})
        spec["token"] = {key: token[key] for key in ("keep_last", "hmac_key") if token.get(key) is not None}
        self._learn = spec.pop("learn", [])
        self._spec["redact"] = spec
        if redact.rule_files is not UNSET:
            for index, name in enumerate(redact.rule_files):
                self._rule_file(name, f"redact.rule_files[{index}]")

    def metric(self, name: str, given: object) -> None:
        """Take one `[metrics.ID]`."""
        if (metric := table(MetricTable, given, f"metrics.{name}", self._errors)) is not None:
            self._metrics.append(Placed("", f"metrics.{name}", {"name": name, **to_builtins(metric)}))

    def thresholds(self, thresholds: Mapping[str, Threshold]) -> None:
        """Take what the core is asked for thresholds that are proven otherwise."""
        self._spec["thresholds"] = questions(thresholds)

    def learn(self, environ: Mapping[str, str], components: Iterable[ComponentConfig]) -> None:
        """Read what `learn` asks for. Comes last: it goes by the other settings of redaction."""
        if self._learn:
            self._spec["redact"] |= learned(self._learn, self._redact(), environ, components, self._errors.warnings)

    def _redact(self) -> dict[str, Any]:
        return {**self._spec.get("redact", {}), "rules": [rule.spec for rule in self._rules]}

    @property
    def metric_names(self) -> set[str]:
        """Metrics of the settings' own."""
        return {metric.spec["name"] for metric in self._metrics}

    def finish(self) -> bytes:
        """The spec as the core takes it. What the core refuses is an error each, at its place."""
        redact = self._redact()
        metrics = {"rules": [metric.spec for metric in self._metrics]}
        spec = {**self._spec, "redact": redact, "metrics": metrics}
        self._errors.extend(refusals(spec, self._rules, self._metrics))
        return encoded(spec)

    def _fields(self, given: object, at: str) -> dict[str, Any]:
        if not isinstance(given, dict):
            self._errors.append(no_table(given, at))
            return {}
        found = {}
        for name, field in given.items():
            whole = {"path": field} if isinstance(field, str) else field
            if (made := table(FieldTable, whole, f"{at}.{name}", self._errors)) is not None:
                found[name] = to_builtins(made)
        return found

    def _offset(self, text: str, path: str) -> int | None:
        match = _OFFSET.fullmatch(text)
        if match is None:
            self._errors.append(ConfigError("not an offset from UTC", path=path, remedy='write "+hh:mm" or "-hh:mm"'))
            return None
        seconds = int(match[2] or 0) * 3600 + int(match[3] or 0) * 60
        return -seconds if match[1] == "-" else seconds

    def _rule(self, given: object, at: str, parent: str, file: str) -> None:
        if isinstance(given, dict) and isinstance(given.get("name"), str):
            named = f"{parent}.{given['name']}"
            if file in self._positions:
                self._positions[file].call(named, at)
            at = named
        errors = Findings()
        if (rule := table(RuleTable, given, at, errors)) is not None:
            self._rules.append(Placed(file, at, to_builtins(rule)))
        for error in errors:
            error.file = file
        self._errors.extend(errors)

    def _rule_file(self, name: str, at: str) -> None:
        file = name if name.startswith("/") or not self._directory else f"{self._directory}/{name}"
        try:
            with open(file, "rb") as opened:
                content = document(opened.read(), file, self._errors)
        except OSError as error:
            reason = f"cannot read {file}: {error.strerror}"
            self._errors.append(ConfigError(reason, path=at, remedy="give a readable file"))
            return
        if content is None:
            return
        self._positions[file] = content.positions
        for key in content.tables:
            if key != "rule":
                extra = unknown(key, key, ["rule"], "table")
                extra.file = file
                self._errors.append(extra)
        rules = content.tables.get("rule", [])
        for index, rule in enumerate(rules if isinstance(rules, list) else [rules]):
            self._rule(rule, f"rule[{index}]", "rule", file)


def with_thresholds(engine_spec: bytes, thresholds: Mapping[str, Threshold]) -> bytes:
    """The spec with these thresholds in place of those it has."""
    spec = json.loads(engine_spec) if engine_spec else {}
    return encoded({**spec, "thresholds": questions(thresholds)})


def holdback_seconds(engine_spec: bytes) -> float:
    """How far behind the clock a source may be before the windows of the others no longer wait for it."""
    windows = json.loads(engine_spec or b"{}").get("windows", {})
    return float(windows.get("holdback_seconds_max", HOLDBACK_SECONDS_MAX))
