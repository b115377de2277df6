"""A file of our own with every block of the format; tests change it line by line."""

from __future__ import annotations

import pytest

WHOLE = """\
# a comment
format_version: "1.0"
assembly:
  name: "Two and four"
  description: "every block"
  author: "A. Engineer"
  created: "2026-01-31"
  units: "um"
interposer:
  adapter: "carrier_a"
interconnect:
  adapter: "pillars_b"
  technology: {description: "pillars", dbu: 0.001}
technologies:
  "0130":
    description: "a 130 nm process"
    dbu: 0.001
  carrier: {description: "interposer", layer_properties: "./a.lyp"}
connection_stacks:
  pillar_1:
    description: "28 + 16"
    layers:
      - {name: "Pillar", material: "Cu", height: 28.0, diameter: 44.0}
      - {name: "Cap", material: "SnAg", height: 16.0, diameter: 44.0}
components:
  - id: "carrier"
    type: "interposer"
    technology: "carrier"
    anchor: "bbox_center"
    layout: "./carrier.gds"
    position: {x: 5000.0, y: 4000.0, z: 0.0}
    dimensions: {width: 10000.0, height: 8000.0, thickness: 300.0}
    attachment_surface_z: 13.83
    io_pads:
      - {id: "J1", io_class: "wire_bond", net: "VDD", position: {x: 100.0, y: 100.0}, size: {x: 80, y: 80}, layer: "M5"}
      - {id: "J2", io_class: "wire_bond", net: "GND", position: {x: 9900.0, y: 100}, size: {x: 80, y: 80}, layer: "M5"}
      - {id: "B1", io_class: "flipped_bump", net: "", position: {x: 3000.0, y: 4000.0}, size: {x: 25.0, y: 20.0}}
  - id: "U1"
    type: "die"
    technology: "0130"
    anchor: "gds_origin"
    orientation: "flip_chip"
    connection: "pillar_1"
    layout: "./u1.gds"
    cells: ["U1_TOP", "U1_SEAL"]
    position: {x: 3000.0, y: 4000.0, z: 57.83}
    rotation: {z: 33.25}
    dimensions: {width: 1000.0, height: 2000.0, thickness: 200.0}
    metadata: {vendor: "someone", lot: 7}
    cdxml_ref: {mpn: "ACME-1"}
  - id: "MEM"
    type: "die_array"
    technology: "0130"
    anchor: "gds_origin"
    connection: "pillar_1"
    top_cell: "MEM_TOP"
    dimensions: {width: 800.0, height: 600.0, thickness: 150.0}
    array:
      pattern: "grid"
      count: {x: 2, y: 2}
      pitch: {x: 1200.0, y: 1000.0}
      start_position: {x: 6000.0, y: 3000.0, z: 0.0}
interfaces:
  - id: "link"
    type: "micro_bump"
    from: {component: "U1", surface: "top", port_layer: "M5"}
    to: {component: "carrier", surface: "top", port_layer: "M4"}
    physical: {pitch: 80.0, diameter: 44.0, height: 44.0}
  - id: "wires"
    type: "wire_bond"
    from: {component: "carrier", surface: "top", port_layer: "M5"}
netlist:
  nets:
    - name: "VDD"
      class: "power"
      external: true
      connections:
        - {component: "U1", pin: "vdd", layer: "M5"}
        - {component: "carrier", pin: "J1"}
    - name: "data"
      connections:
        - {component: "U1", pin: "d0"}
        - {component: "MEM", pin: "q"}
future_block: {depth: [1, 2.5, "x"]}
flow:
  # ours
  steps:
    - {name: export,   tool: "${TOOL}"}
"""


@pytest.fixture(scope="session")
def whole() -> str:
    return WHOLE


@pytest.fixture
def changed():
    """The file with one line (or more) changed."""

    def change(old: str, new: str) -> str:
        assert WHOLE.count(old) == 1, old
        return WHOLE.replace(old, new)

    return change
