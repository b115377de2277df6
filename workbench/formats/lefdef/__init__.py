"""What a module needs of LEF and DEF files: bump cells and their pads, die outlines, placed bumps, ports."""
