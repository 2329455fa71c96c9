"""What can reach what: proven from ports, VLANs, tags, routers and access lists, against the zones and conduits."""
