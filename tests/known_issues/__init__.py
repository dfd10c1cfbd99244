"""Nine known faults of Flask as they appear on Quart: each reproduced on plain Quart first, then shown to be absent
here.

Each file stands alone. Tests called `test_plain_...` assert what happens without this application: if one fails some
day, that is good news, and the workaround and docs/known-issues.md can be simplified. Those called `test_ours_...`
assert that the fault does not occur here.
"""
