"""DNP3 (IEEE 1815-2012), master and outstation, without any I/O."""
