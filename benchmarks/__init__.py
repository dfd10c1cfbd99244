"""Speed and memory compared with the plainest code that does the same: `python -m benchmarks`."""
