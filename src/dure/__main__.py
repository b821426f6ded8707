"""`python -m dure` is the `dure` command."""

from dure.cli.main import main

main()
