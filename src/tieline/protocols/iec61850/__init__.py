"""IEC 61850: substation configuration files, and the communication with intelligent electronic devices."""
