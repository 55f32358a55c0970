"""
What `learn` of `[redact]` reads: the secrets of the environment, of mounted files and of the settings themselves. The core
masks them wherever they appear.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

import msgspec

from headrig.component import ComponentConfig
from headrig.learning import learned_by, skipped_warning


def learned(
    kinds: Sequence[str],
    redact: Mapping[str, Any],
    environ: Mapping[str, str],
    components: Iterable[ComponentConfig],
    warnings: list[str],
) -> dict[str, Any]:
    """The words about what was learned, by the core's redaction settings; what is worth a warning goes to `warnings`."""
    found = learned_by(kinds, redact, environ, _texts(components))
    if found.files_skipped:
        warnings.append(skipped_warning(found.files_skipped))
    return found.spec


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
