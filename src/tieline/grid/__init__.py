"""What is computed from the electrical model: the switching state of the network."""
