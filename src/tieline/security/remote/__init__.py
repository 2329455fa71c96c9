"""Remote access of vendors and engineers: grants, tickets, sessions, the order to a site, the recording. Nothing here does I/O."""
