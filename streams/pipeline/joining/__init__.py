"""Joining: rows of two tables kept together, whichever of them changes.

    own changes ──▶ relate ──▶ derive ▶ table ▶ route          at once, with the partner as it is
                      │ keeps the row and, by partner, which rows name it (the index)
    partner's table   ▼
    changes ───────▶ follow ──▶ derive ▶ table ▶ route         at the checkpoint, so many rows at a time

Where both live in different tasks a stage keyed by the partner stands between them, and the row's own task publishes:

    relate ──▶ names (which row names whom) ──▶┐
    partner's table ──▶ rows ────────────────▶ meet ──▶ answers ──▶ follow (in the row's task)

A partner that a million rows name is worked off over several checkpoints: where it goes on is part of the state.
"""
