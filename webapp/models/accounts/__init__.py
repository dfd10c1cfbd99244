"""People with an account, and what belongs to an account."""
