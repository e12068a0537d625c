"""Pairing: events of two streams that lie within a time of each other, joined.

    own events ────▶ send ─┐                        ┌─▶ derive ▶ route      each pair, when its second event comes
                           ├─▶ pair (both are kept) ┤
    partner's events ▶ send┘                        └─▶ derive ▶ route      without a partner: once, when it is too
                                                                            late for one (``close``, at checkpoints)

Where both topics are partitioned by what is equal, all of it happens in the task of both. Else both send to a stage
that is keyed by it. The window of an own event reaches from ``before`` to ``after`` it, both ends included. It takes
partners until a watermark passes its end and grace: that of the partition that the partner comes from, as it was when
the partner was read. So what is joined does not depend on which side is read first.
"""
