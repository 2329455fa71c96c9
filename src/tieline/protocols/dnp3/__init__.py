"""DNP3 (IEEE 1815-2012) without any I/O: fed octets and the time, it says what to send and when to be asked again.

    line        one channel: frames to stations and back (`crc`, `frame`, `link`, `transport` below it)
    application fragments: function codes, internal indications, object headers
    objects     what each group and variation looks like; `measurements`, `commands`, `file_objects` give them their meaning
    master      the session of a master with one outstation
    outstation  a database, and its session with each master

A `Line` is driven with `Now`; sessions put what happened into `events()` and never call back.
"""
