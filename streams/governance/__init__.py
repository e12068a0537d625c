"""Governance: gates for changes of contracts, whom a change reaches, and what real records say of it."""
