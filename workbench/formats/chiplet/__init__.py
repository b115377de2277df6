"""`.chiplet` 1.0 of IHP-GmbH/chiplet-spec (Apache-2.0): assemblies at mask level, dies at any angle.

`docs/CHIPLET_FORMAT_SPEC.md`, `docs/coord_frame_contract.md`, `docs/VERSION_POLICY.md` and
`schemas/chiplet.schema.json` of that repository were read; sections named in this package are theirs.
"""

from workbench.formats.chiplet.reading import read, read_text
from workbench.formats.chiplet.version import SUPPORTED, accepted
from workbench.formats.chiplet.writing import write, write_text

__all__ = ["SUPPORTED", "accepted", "read", "read_text", "write", "write_text"]
