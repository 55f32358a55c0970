"""
What `learn` of `[redact]` reads: the secrets of the environment, of mounted files and of the settings themselves. The core
masks them wherever they appear.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

import msgspec

from headrig.component import ComponentConfig
from headrig.config.validate_rules import encoded
from headrig.engine import Engine
from headrig.errors import RuleError
from headrig.learning import learn, what_is_secret


def learned(
    kinds: Sequence[str],
    redact: Mapping[str, Any],
    environ: Mapping[str, str],
    components: Iterable[ComponentConfig],
    warnings: list[str],
) -> list[str]:
    """The values to mask, by the core's redaction settings. Nothing where these are wrong: who proves them says so."""
    try:
        spec = {"redact": what_is_secret(redact), "metrics": {"builtin": False}, "recent_bytes_max": 0}
        engine = Engine(encoded(spec))
    except RuleError:
        return []
    found = learn(kinds, lambda text: engine.redact(text.encode(), True).decode(), environ, settings=_texts(components))
    if found.files_skipped:
        warnings.append(f"redact.learn: {found.files_skipped} files could not be read, or hold more than 64 KiB")
    return list(found.values)


def _texts(components: Iterable[ComponentConfig]) -> Iterator[tuple[str, str]]:
    """Names and values of the settings of components; a secret's name says so, whatever it is called."""
    for component in components:
        for field in msgspec.structs.fields(component):
            value = getattr(component, field.name)
            if isinstance(value, str):
                yield ("password" if _is_secret(field.type) else field.name), value


def _is_secret(kind: Any) -> bool:
    own = (meta.extra.get("secret") for meta in getattr(kind, "__metadata__", ()) if getattr(meta, "extra", None))
    return any(own) or any(map(_is_secret, get_args(kind)))
