"""What engineers export: masks (GDSII, OASIS), models (GLB, STEP), bump tables (CSV) and the design document (JSON).

Each writer has its module, so that asking for one does not load the libraries of the others.
"""
