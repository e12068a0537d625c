"""Exchange: events of all partitions meet where their group lives, through a topic between two stages of a pipeline."""
