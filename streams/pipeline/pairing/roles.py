"""Roles: what a plan has to do with joins of streams."""

from __future__ import annotations

from ..plan import Plan
from .plan import Pairing, PairStage, Side


def pairs_of(plan: Plan) -> Pairing | None:
    """The join of two streams whose state ``plan`` keeps."""
    is_here = plan.pairing is not None and plan.pairing.stage is None
    return plan.pairing if is_here else plan.stands_for


def sends_of(plan: Plan) -> list[tuple[Pairing, PairStage, Side]]:
    """Joins of streams whose stages events of ``plan`` go to."""
    sides = [(plan.pairing, Side.OWN), *((pairing, Side.PARTNER) for pairing in plan.partner_of)]
    return [(held, held.stage, side) for held, side in sides if held is not None and held.stage is not None]
