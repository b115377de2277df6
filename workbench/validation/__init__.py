"""Verification: published MLPerf figures, runs by the MLPerf method, their validity and their comparison."""
