"""Look-ups: columns that somebody outside answers, asked for once per batch and beside the walk."""
