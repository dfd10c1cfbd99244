"""How connections are accepted, bounded and closed: what Hypercorn leaves open, in classes derived from its own."""
