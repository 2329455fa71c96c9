"""`python -m tieline` is `tieline`."""

from tieline.cli import main

main()
