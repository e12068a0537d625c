"""Quality: rules that say when a well-formed row is also believable. Their words, and where they are written."""
