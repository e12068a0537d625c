"""What the registry serves over HTTP: Confluent's interface, Iglu's paths, search and a page."""
