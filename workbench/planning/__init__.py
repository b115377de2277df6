"""Help with a design: bump planning, floorplans, what-if."""
