"""`python -m webapp` is `rowcast`."""

from webapp.cli import main

main(prog_name="rowcast")
