"""Contract-first CDC streams on Faust. Start reading at ``streams.app`` or ``streams.pipeline.process``."""
