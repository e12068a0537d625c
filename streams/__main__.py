"""``python -m streams`` is the ``streams`` command."""

from streams.cli.main import main

main()
