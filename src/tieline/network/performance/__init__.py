"""Performance: what services send, how much of each link they use, and bounds of delay and backlog by network calculus."""
