"""Nine faults of Flask that people meet again with Quart: each shown on plain Quart first, then answered.

Each file stands by itself. Tests called `test_plain_...` assert what happens without this application: one that fails
one day is good news, and means that what answers it, and docs/known-issues.md, can become simpler. Those called
`test_ours_...` assert that it does not happen here.
"""
