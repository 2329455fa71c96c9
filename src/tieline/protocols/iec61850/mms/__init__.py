"""The client side of MMS as IEC 61850-8-1 uses it (ISO 9506), without any I/O: associations, reads, reports in columns, controls."""
