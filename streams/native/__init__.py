"""Native: C for what is done to every event, where a pipeline is plain. Optional: without it Python does it all.

The way of a batch through a lane, from record bytes to records to publish:

    checksum.h  CRC-32C of a fetch's record batches
    record.h    their records, left in the bytes
    reader.h    what a pipeline is, as Python tells it once
    envelope.h  a record's envelope, its row as cells that point into the record's bytes
    columns.h   each value against what its column surely admits
    scan.h      strict JSON, read in place; what is not plain is left to Python, record by record
    lane.c      events of a batch: clock, identities, groups, published keys and values
    made.h      columns that Python makes of others: what it reads for that, and what it tells
    groups.h    states of groups: text, as the changelog has it, to numbers and back
    publish.h   records of routes
    carry.h     records that go to the tasks of their groups
    buffer.h    bytes that grow

Nothing here reads or writes a table, a clock or a file, and nothing decides: ``streams.pipeline.lane`` does.
"""
