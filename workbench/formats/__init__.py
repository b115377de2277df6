"""Files of others, in and out: 3Dblox, .chiplet, and what engineers export. Nothing from outside is trusted.

`read_design` and `export` are the front door; each format is loaded when it is asked for.
"""

from workbench.formats.door import FORMATS, READABLE, SUFFIXES, Exported, export, read_design
from workbench.formats.report import Report

__all__ = ["FORMATS", "READABLE", "SUFFIXES", "Exported", "Report", "export", "read_design"]
