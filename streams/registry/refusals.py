"""Refusals: what the registry answers instead, with Confluent's codes and in its words.

Source: the error codes of Confluent's REST documentation. A code's first three digits are the HTTP status.
"""

from __future__ import annotations


class RefusalError(Exception):
    """An answer with ``error_code`` and ``message``."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def status(self) -> int:
        """HTTP's."""
        return int(str(self.code)[:3])


def no_path() -> RefusalError:
    """Nothing is served there."""
    return RefusalError(404, "HTTP 404 Not Found")


def no_subject(subject: str) -> RefusalError:
    """40401."""
    return RefusalError(40401, f"Subject '{subject}' not found.")


def no_version(version: object) -> RefusalError:
    """40402."""
    return RefusalError(40402, f"Version {version} not found.")


def no_schema(name: object = None) -> RefusalError:
    """40403: of an id, a GUID, or what was given."""
    return RefusalError(40403, "Schema not found" if name is None else f"Schema {name} not found")


def subject_is_deleted(subject: str) -> RefusalError:
    """40404."""
    return RefusalError(40404, f"Subject '{subject}' was soft deleted. Set permanent=true to delete permanently")


def subject_is_there(subject: str) -> RefusalError:
    """40405."""
    return RefusalError(40405, f"Subject '{subject}' was not deleted first before being permanently deleted")


def version_is_deleted(subject: str, version: int) -> RefusalError:
    """40406."""
    message = f"Subject '{subject}' Version {version} was soft deleted. Set permanent=true to delete permanently"
    return RefusalError(40406, message)


def version_is_there(subject: str, version: int) -> RefusalError:
    """40407."""
    message = f"Subject '{subject}' Version {version} was not deleted first before being permanently deleted"
    return RefusalError(40407, message)


def no_level(subject: str) -> RefusalError:
    """40408."""
    return RefusalError(40408, f"Subject '{subject}' does not have subject-level compatibility configured")


def no_mode(subject: str) -> RefusalError:
    """40409."""
    return RefusalError(40409, f"Subject '{subject}' does not have subject-level mode configured")


def is_incompatible(subject: str, details: str) -> RefusalError:
    """409."""
    message = f'Schema being registered is incompatible with an earlier schema for subject "{subject}", '
    return RefusalError(409, f"{message}details: {details}")


def bad_schema(why: str) -> RefusalError:
    """42201: no schema of its type, or a reference that leads nowhere."""
    return RefusalError(42201, f"Invalid schema: {why}")


def bad_version(version: object) -> RefusalError:
    """42202."""
    message = (
        f"The specified version '{version}' is not a valid version id. Allowed values are between [1, 2^31-1]"
        ' and the string "latest"'
    )
    return RefusalError(42202, message)


def bad_level(levels: str) -> RefusalError:
    """42203."""
    return RefusalError(42203, f"Invalid compatibility level. Valid values are {levels}")


def bad_mode(modes: str) -> RefusalError:
    """42204."""
    return RefusalError(42204, f"Invalid mode. Valid values are {modes}")


def not_permitted(why: str) -> RefusalError:
    """42205: the mode forbids it, or the subject is one of files."""
    return RefusalError(42205, why)


def is_referenced(subject: str, version: int) -> RefusalError:
    """42206."""
    return RefusalError(42206, f"One or more references exist to the schema of subject '{subject}' version {version}")


def other_id(known: int, given: int) -> RefusalError:
    """42207."""
    return RefusalError(42207, f"Schema already registered with id {known} instead of input id {given}")


def bad_subject(subject: str) -> RefusalError:
    """42208."""
    return RefusalError(42208, f"The specified subject '{subject}' is not a valid subject")


def too_large() -> RefusalError:
    """42209."""
    return RefusalError(42209, "Register operation failed because schema is too large")


def bad_rules(why: str) -> RefusalError:
    """42210."""
    return RefusalError(42210, f"Invalid ruleset: {why}")
