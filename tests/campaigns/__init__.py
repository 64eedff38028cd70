"""Attacks on the promises of the documentation, by random cases: `tests/campaign.py` runs them."""
