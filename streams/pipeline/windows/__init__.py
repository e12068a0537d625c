"""Windows of event time: which ones an event falls into, how long they take events, and where they are kept."""
