"""Options: names that follow from others unless they are given."""

from __future__ import annotations

from streams.capture.options import CaptureOptions


def test_topics_are_named_after_prefix_and_table_unless_they_are_named() -> None:
    options = CaptureOptions(
        database="", tables=("users", "orders"), kafka={}, prefix="shop", topics={"orders": "sales.orders"}
    )

    assert [options.topic_of(table) for table in options.tables] == ["shop.users.v1", "sales.orders"]
    assert options.heartbeat_topic == "__debezium-heartbeat.shop"


def test_positions_are_kept_by_application() -> None:
    assert CaptureOptions(database="", tables=(), kafka={}, app="shop").positions_topic == "shop-capture-positions"
