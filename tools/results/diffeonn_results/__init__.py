"""Evaluates the bundles after a plan and writes models/RESULTS.md."""
