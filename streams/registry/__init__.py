"""A schema registry: Confluent's REST interface and Iglu's paths over ``schemas/`` and what clients register."""
