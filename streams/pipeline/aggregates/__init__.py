"""Aggregate functions: what is kept of a group, how a change adds to it, is taken back, and how two parts are one."""
