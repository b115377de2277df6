"""Pages for the engineer on this machine: the notebooks in Voila and in JupyterLab, on the loopback address only."""
