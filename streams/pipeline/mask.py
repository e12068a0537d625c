"""Mask: no classified value goes further than this.

In:   events somebody wants, with full rows where known.
Out:  the same events; masked columns hold what may be stored and sent, in the row and in both images.
Next: streams.pipeline.lookup
"""

from __future__ import annotations

from msgspec.structs import replace

from streams.records import ChangeEvent, Row

from .plan import MaskRule


def mask_events(events: list[ChangeEvent], rules: tuple[MaskRule, ...]) -> list[ChangeEvent]:
    """The events with every masked column covered or dropped, in the row, its images and its key."""
    return [_mask_event(event, rules) for event in events] if rules else events


def _mask_event(event: ChangeEvent, rules: tuple[MaskRule, ...]) -> ChangeEvent:
    row = dict(event.row)
    for rule in rules:
        # What the source did not send came from the table, and went through this mask before.
        if rule.column in row and rule.column not in event.unsent:
            _cover(row, rule, event)
    before = None if event.before is None else _mask_image(event.before, rules, event)
    after = None if event.after is None else {**_mask_image(event.after, rules, event)}
    key = _mask_image(event.key, rules, event) if event.key else event.key
    return replace(event, row=row, before=before, after=after, key=key)


def _cover(row: dict[str, object], rule: MaskRule, event: ChangeEvent) -> None:
    if rule.evaluate is not None:
        row[rule.column] = rule.evaluate(event)
    elif rule.cover is None:
        del row[rule.column]
    else:
        row[rule.column] = rule.cover(row[rule.column])


def _mask_image(image: Row, rules: tuple[MaskRule, ...], event: ChangeEvent) -> Row:
    """An image of the row in the same cover; a mask expression sees the image as its row."""
    masked = dict(image)
    seen = replace(event, row=dict(image))
    for rule in rules:
        if rule.column in masked:
            _cover(masked, rule, seen)
    return masked
