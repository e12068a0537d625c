"""Studies: what a worker costs when its state has grown, shared out, restored, and after half an hour."""
