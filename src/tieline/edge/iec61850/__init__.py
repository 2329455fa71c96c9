"""IEC 61850 servers at the edge: the association, the model as the server has it, reports into samples, and controls."""
