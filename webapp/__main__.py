"""`python -m webapp` is `rowcast`."""

from webapp.cli.main import main

main(prog_name="rowcast")
