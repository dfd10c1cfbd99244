"""Speed and memory beside the plainest code that does the same: `python -m benchmarks`."""
