"""GLB (binary glTF 2.0): the module as coloured solids with names, for any 3D viewer.

glTF is in metres with +Y up, so a point x, y, z of the module becomes x, z, -y: a viewer's ground is the module's
plan, its height our z. Drawn from `workbench.stack.solids`, the list every picture in three dimensions is drawn from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh

from workbench.errors import InputError
from workbench.formats.exports.writing import fresh
from workbench.formats.report import Notes, Report
from workbench.materials.colours import MATERIAL_COLOURS, MATERIAL_OPACITY
from workbench.stack import Box, Design, Field, Solids, solids

CYLINDERS = 20_000
FACETS = 8
_TO_GLTF = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float)


def write_glb(
    design: Design,
    path: Path | str,
    *,
    overwrite: bool = False,
    z_exaggeration: float = 1.0,
    cylinders: int = CYLINDERS,
) -> Report:
    """Write the module as GLB, heights times `z_exaggeration` (1 to 1,000).

    Bumps and vias are prisms of `FACETS` sides, of the same cross-section area as the cylinder; at most `cylinders`
    of them, the smallest fields first. Every further field is one slab over its extent, and the report says so.
    Layers that hold dies or joints are drawn translucent. Raises InputError when the file exists (without
    `overwrite`) or cannot be written, or for an exaggeration out of range.
    """
    if not 1 <= z_exaggeration <= 1000:
        raise InputError("exchange.exaggeration", got=z_exaggeration, allowed="1 … 1,000")
    scene, report = build(design, z_exaggeration=z_exaggeration, cylinders=cylinders)
    with fresh(path, overwrite=overwrite) as draft:
        draft.write_bytes(scene.export(file_type="glb"))
    return report


def build(design: Design, *, z_exaggeration: float = 1.0, cylinders: int = CYLINDERS) -> tuple[trimesh.Scene, Report]:
    """The scene and what was simplified."""
    notes, found = Notes(), solids(design)
    drawn = drawn_whole(found, cylinders)
    scene = trimesh.Scene(base_frame="module")
    holding = {layer.name for layer in design.layers if layer.dies or layer.bond is not None}
    names: set[str] = set()
    shapes: dict[tuple, str] = {}
    for box in found.boxes:
        clear = box.kind == "layer" and box.name in holding
        mesh = trimesh.creation.box(extents=_extents(box, z_exaggeration))
        _put(scene, mesh, box.name, _at_box(box, z_exaggeration), box.family, clear, names)
    for field in found.fields:
        whole = id(field) in drawn
        name = ".".join(filter(None, (field.part, field.region or field.kind, field.pattern.name)))
        mirrored = field.placement is not None and field.placement.mirrored
        # Dies of one type share the mesh of a field; only their places differ.
        key = (id(field.pattern), mirrored, field.z_top_um - field.z_bottom_um, field.family)
        mesh = shapes.get(key) or _mesh(field, mirrored, z_exaggeration, whole)
        shapes[key] = _put(scene, mesh, name, _at_field(field, z_exaggeration), field.family, False, names)
    slabs = [field for field in found.fields if id(field) not in drawn]
    if slabs:
        notes.assume("exchange.slabs", fields=len(slabs), count=f"{sum(f.pattern.count for f in slabs):,}",
                     most=f"{cylinders:,}")  # fmt: skip
    notes.take("exchange.model.taken", boxes=len(found.boxes), fields=len(found.fields))
    notes.assume("exchange.glb.frame", factor=f"{z_exaggeration:g}")
    return scene, notes.report()


def drawn_whole(found: Solids, most: int) -> set[int]:
    """The fields (by `id`) of which every cylinder is drawn: the smallest first, `most` cylinders in all."""
    chosen, sum_so_far = set(), 0
    for field in sorted(found.fields, key=lambda field: field.pattern.count):
        sum_so_far += field.pattern.count
        if sum_so_far > most:
            break
        chosen.add(id(field))
    return chosen


def slab(field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Centre and size (2,) in um, in the part's own layout, of the rectangle around a field."""
    xy, radius = field.pattern.xy_um(), field.pattern.diameter_um / 2
    low, high = xy.min(0) - radius, xy.max(0) + radius
    return (low + high) / 2, high - low


def _put(scene: trimesh.Scene, mesh, name: str, matrix: np.ndarray, family: str, clear: bool, names: set[str]) -> str:
    """Add a node; returns the name of its mesh."""
    node, count = name, 1
    while node in names:
        count += 1
        node = f"{name} ({count})"
    names.add(node)
    if isinstance(mesh, str):
        scene.graph.update(frame_to=node, matrix=_TO_GLTF @ matrix, geometry=mesh)
        return mesh
    mesh.visual = trimesh.visual.TextureVisuals(material=_material(family, clear))
    scene.add_geometry(mesh, node_name=node, geom_name=node, transform=_TO_GLTF @ matrix)
    return node


def _material(family: str, clear: bool) -> trimesh.visual.material.PBRMaterial:
    opacity = min(MATERIAL_OPACITY.get(family, 1.0), MATERIAL_OPACITY["mould"] if clear else 1.0)
    return trimesh.visual.material.PBRMaterial(
        name=f"{family} clear" if opacity < 1 else family,
        baseColorFactor=[*linear(MATERIAL_COLOURS[family]), opacity],
        alphaMode="BLEND" if opacity < 1 else "OPAQUE",
        metallicFactor=0.6 if family in ("copper", "solder", "lid") else 0.0,
        roughnessFactor=0.6,
    )


def linear(colour: str) -> tuple[float, float, float]:
    """An sRGB hex colour as glTF wants it: linear, 0 to 1 (IEC 61966-2-1)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)


def _extents(box: Box, factor: float) -> tuple[float, float, float]:
    return box.width_mm * 1e-3, box.length_mm * 1e-3, (box.z_top_um - box.z_bottom_um) * 1e-6 * factor


def _at_box(box: Box, factor: float) -> np.ndarray:
    return _pose(box.angle_deg, box.x_mm, box.y_mm, (box.z_bottom_um + box.z_top_um) / 2 * factor)


def _at_field(field: Field, factor: float) -> np.ndarray:
    middle = (field.z_bottom_um + field.z_top_um) / 2 * factor
    place = field.placement
    return _pose(0.0, 0.0, 0.0, middle) if place is None else _pose(place.angle_deg, place.x_mm, place.y_mm, middle)


def _pose(angle_deg: float, x_mm: float, y_mm: float, z_um: float) -> np.ndarray:
    angle = np.deg2rad(angle_deg % 360)
    cos, sin = round(float(np.cos(angle)), 15), round(float(np.sin(angle)), 15)  # right angles stay exact
    return np.array([[cos, -sin, 0, x_mm * 1e-3], [sin, cos, 0, y_mm * 1e-3], [0, 0, 1, z_um * 1e-6], [0, 0, 0, 1]])


def _mesh(field: Field, mirrored: bool, factor: float, whole: bool) -> trimesh.Trimesh:
    """A field in its part's own layout, centred in height; mirrored as its placement is."""
    flip = np.array([-1.0 if mirrored else 1.0, 1.0])
    height = (field.z_top_um - field.z_bottom_um) * 1e-6 * factor
    if not whole:
        centre, size = slab(field)
        mesh = trimesh.creation.box(extents=(*size * 1e-6, height))
        mesh.apply_translation((*centre * flip * 1e-6, 0.0))
        return mesh
    vertices, faces = _prism(field.pattern.diameter_um / 2 * 1e-6, height)
    centres = field.pattern.xy_um() * flip * 1e-6
    n = len(centres)
    moved = vertices[None] + np.concatenate([centres, np.zeros((n, 1))], axis=1)[:, None]
    joined = faces[None] + (len(vertices) * np.arange(n))[:, None, None]
    return trimesh.Trimesh(moved.reshape(-1, 3), joined.reshape(-1, 3), process=False)


def _prism(radius: float, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (2 n, 3) and faces (4 n - 4, 3) of a prism whose cross-section has the area of the circle."""
    n = FACETS
    wide = radius * np.sqrt(2 * np.pi / (n * np.sin(2 * np.pi / n)))
    turn = 2 * np.pi * (np.arange(n) + 0.5) / n
    ring = np.stack([wide * np.cos(turn), wide * np.sin(turn)], axis=1)
    vertices = np.concatenate([np.column_stack([ring, np.full(n, z)]) for z in (-height / 2, height / 2)])
    i = np.arange(n)
    j = (i + 1) % n
    sides = np.concatenate([np.column_stack([i, j, j + n]), np.column_stack([i, j + n, i + n])])
    fan = np.arange(1, n - 1)
    bottom, top = np.column_stack([fan * 0, fan + 1, fan]), np.column_stack([fan * 0, fan, fan + 1]) + n
    return vertices, np.concatenate([sides, bottom, top])
