"""State of a task: committed stores below, an overlay of uncommitted changes above, changelogs beside."""
