"""Terms: modes and compatibility, of the whole registry and of one subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.contracts.compatibility import Mode

from . import refusals
from .catalog import Catalog
from .model import Change, RegistryMode

CONFIG = "config"
MODE = "mode"
LEVELS = tuple(mode.name for mode in Mode)
POLICIES = ("STRICT", "LENIENT")
DEFAULT_LEVEL = "BACKWARD"
_MODES = ", ".join(mode.value for mode in RegistryMode)
_UNKNOWN = ("alias", "defaultMetadata", "overrideMetadata", "defaultRuleSet", "overrideRuleSet", "validateFields",
            "validateRules")  # fmt: skip
"""What Confluent's registry can be told, and this one not: to take it and not do it would be worse."""
_KEPT: Mapping[str, type] = {"normalize": bool, "compatibilityGroup": str}


def config(catalog: Catalog, subject: str, *, or_global: bool) -> dict[str, Any]:
    """As it is set; raises 40408 where it is not."""
    held = catalog.settings.get((subject, CONFIG))
    if subject == "" or (held is None and or_global):
        return {"compatibilityLevel": DEFAULT_LEVEL, **catalog.settings.get(("", CONFIG), {})}
    if held is None:
        raise refusals.no_level(subject)
    return dict(held)


def config_in_force(catalog: Catalog, subject: str) -> dict[str, Any]:
    """What holds for a subject: its own terms, the rest from everybody's."""
    return {**config(catalog, "", or_global=True), **catalog.settings.get((subject, CONFIG), {})}


def set_config(catalog: Catalog, subject: str, request: Any) -> tuple[dict[str, Any], Change]:
    """(what is answered, what changes)."""
    _check_writable(catalog, subject)
    told = _read_config(request)
    held = {**catalog.settings.get((subject, CONFIG), {}), **told}
    answer = {("compatibility" if name == "compatibilityLevel" else name): value for name, value in told.items()}
    return answer, Change(settings={(subject, CONFIG): held})


def _read_config(request: Any) -> dict[str, Any]:
    if not isinstance(request, dict):
        raise refusals.bad_level(", ".join(LEVELS))
    told: dict[str, Any] = {}
    for name in _UNKNOWN:
        if request.get(name):
            raise refusals.RefusalError(422, f"this registry does not know {name}; set it at the client")
    level = request.get("compatibility", request.get("compatibilityLevel"))
    if level is not None:
        if not isinstance(level, str) or level.upper() not in LEVELS:
            raise refusals.bad_level(", ".join(LEVELS))
        told["compatibilityLevel"] = level.upper()
    policy = request.get("compatibilityPolicy")
    if policy is not None:
        if policy not in POLICIES:
            raise refusals.RefusalError(42203, f"Invalid compatibility policy. Valid values are {', '.join(POLICIES)}")
        told["compatibilityPolicy"] = policy
    told |= {name: request[name] for name, kind in _KEPT.items() if isinstance(request.get(name), kind)}
    if not told:
        raise refusals.bad_level(", ".join(LEVELS))
    return told


def delete_config(catalog: Catalog, subject: str) -> tuple[dict[str, Any], Change]:
    """(what was set, what changes)."""
    _check_writable(catalog, subject)
    held = catalog.settings.get((subject, CONFIG))
    if held is None and subject:
        raise refusals.no_subject(subject)
    return held or {"compatibilityLevel": DEFAULT_LEVEL}, Change(settings={(subject, CONFIG): None})


def mode(catalog: Catalog, subject: str, *, or_global: bool) -> RegistryMode:
    """As it is set; raises 40409 where it is not."""
    if subject and is_of_files(catalog, subject):
        return RegistryMode.READONLY
    held = catalog.settings.get((subject, MODE))
    if held is not None:
        return RegistryMode(held)
    if subject == "" or or_global:
        return RegistryMode(catalog.settings.get(("", MODE), RegistryMode.READWRITE.value))
    raise refusals.no_mode(subject)


def mode_in_force(catalog: Catalog, subject: str) -> RegistryMode:
    """What holds for a subject; ``READONLY_OVERRIDE`` is stronger than its own."""
    everybody = mode(catalog, "", or_global=True)
    return everybody if everybody is RegistryMode.READONLY_OVERRIDE else mode(catalog, subject, or_global=True)


def is_read_only(catalog: Catalog, subject: str) -> bool:
    """Whether clients may change nothing in a subject."""
    return mode_in_force(catalog, subject) in (RegistryMode.READONLY, RegistryMode.READONLY_OVERRIDE)


def is_of_files(catalog: Catalog, subject: str) -> bool:
    """Whether the subject's versions are files in ``schemas/``."""
    return any(version.origin for version in catalog.versions(subject, deleted=True))


def check_writable(catalog: Catalog, subject: str) -> None:
    """Raises 42205 where a subject's versions are not clients' to change."""
    if is_of_files(catalog, subject):
        message = "its versions are files in schemas/; write a new one there and start the registry again"
        raise refusals.not_permitted(f"Subject {subject} is in read-only mode: {message}")
    _check_writable(catalog, subject)


def _check_writable(catalog: Catalog, subject: str) -> None:
    everybody = mode(catalog, "", or_global=True)
    held = RegistryMode(catalog.settings.get((subject, MODE), everybody.value))
    if RegistryMode.READONLY_OVERRIDE in (everybody, held) or held is RegistryMode.READONLY:
        raise refusals.not_permitted(f"{f'Subject {subject}' if subject else 'The registry'} is in read-only mode")


def set_mode(catalog: Catalog, subject: str, request: Any, *, is_forced: bool) -> tuple[dict[str, Any], Change]:
    """(what is answered, what changes)."""
    told = request.get("mode") if isinstance(request, dict) else None
    if not isinstance(told, str) or told.upper() not in RegistryMode.__members__:
        raise refusals.bad_mode(_MODES)
    chosen = RegistryMode[told.upper()]
    if subject and is_of_files(catalog, subject):
        raise refusals.not_permitted(f"Subject {subject} is made of files in schemas/; its mode is always READONLY")
    if chosen is RegistryMode.READONLY_OVERRIDE and subject:
        raise refusals.not_permitted("READONLY_OVERRIDE is a mode of the whole registry")
    if chosen is RegistryMode.IMPORT and not is_forced and _own_subjects(catalog, subject):
        raise refusals.not_permitted("Cannot import since found existing subjects; force=true imports all the same")
    return {"mode": chosen.value}, Change(settings={(subject, MODE): chosen.value})


def _own_subjects(catalog: Catalog, subject: str) -> bool:
    """Whether clients have registered something: what is in ``schemas/`` is in nobody's way."""
    if subject:
        return bool(catalog.versions(subject, deleted=True))
    return any(not version.origin for version in catalog.all_versions(deleted=True))


def delete_mode(catalog: Catalog, subject: str) -> tuple[dict[str, Any], Change]:
    """(what was set, what changes)."""
    held = catalog.settings.get((subject, MODE))
    if held is None and subject:
        raise refusals.no_subject(subject)
    return {"mode": held or RegistryMode.READWRITE.value}, Change(settings={(subject, MODE): None})
