"""The saboteur: a worker with something in it broken: ``python -m tests.faults.saboteur -A streams.app worker``.

The shipped code knows nothing of it: all is done from outside. What is to be done stands
in ``SABOTAGE``, separated by commas::

    before_commit:7           kill -9 of itself at the seventh pass of a named point (``POINTS``)
    without_fencing           a protection of the engine is taken out (``WITHOUT``): the suite must see it
    slow:3                    slow records take so many seconds longer (``TROUBLES``)
"""

from __future__ import annotations

import os
from collections.abc import Callable

from faust.cli.faust import cli

from .points import POINTS, set_point
from .troubles import TROUBLES
from .without import WITHOUT


def sabotage(orders: str) -> None:
    """Carry out what ``SABOTAGE`` says; ``KeyError`` for a word that nobody knows."""
    for order in filter(None, orders.split(",")):
        name, _, argument = order.partition(":")
        if name in POINTS:
            set_point(name, int(argument or 1))
        else:
            deed: Callable[[str], None] = {**TROUBLES, **WITHOUT}[name]
            deed(argument)


if __name__ == "__main__":
    sabotage(os.environ.get("SABOTAGE", ""))
    cli()
