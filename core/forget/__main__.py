"""`python -m forget`, for environments whose scripts are not on the path."""

from forget.cli import main

main()
