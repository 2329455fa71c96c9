"""Wire codecs and state machines, each independent of the others and of input and output."""
