"""Alarms by ISA-18.2 and IEC 62682: raised, told, answered, kept."""
