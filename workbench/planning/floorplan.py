"""Floorplans of side-by-side dies: a good placement, its wirelength, and a bound below which none can be."""
