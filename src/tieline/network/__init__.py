"""The communications network: proofs and budgets of what the utility folder describes."""
