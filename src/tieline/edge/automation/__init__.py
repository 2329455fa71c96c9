"""What a site does by itself: a deterministic scan of declared functions."""
