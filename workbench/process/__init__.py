"""Manufacture: process windows from designed experiments, and quality control of what was made."""
