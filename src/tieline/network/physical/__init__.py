"""Physical budgets: optical power, PoE, DC supplies, batteries, temperatures; each result carries its formula and source."""
