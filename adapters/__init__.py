"""Channels: one folder or file for each. They translate, nothing else."""
