"""Truncating: a TRUNCATE comes in one partition and takes rows of all, those that are older in order.

    its own task ──▶ process ──▶ the rows that its batch touches go at once; told to every partition, itself aside
                        │
    other tasks  ──▶ tell ──▶ state: what was truncated last is remembered ──▶ sweep: rows go, so many at a checkpoint

What is older and comes later, because its partition lags, is published, counted and gone again. A table is swept over
several checkpoints: a row that is to go and has not gone yet counts as gone for whoever looks at it.
"""
