"""Measuring by the MLPerf method: LoadGen drives a model through a backend on this machine."""
