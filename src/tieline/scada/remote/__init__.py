"""Remote access at the center: grants and tickets for screens, and every session's bytes passed on only once they are recorded."""
