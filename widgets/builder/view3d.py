"""The scene in the browser: the only module that knows pythreejs.

pythreejs has no active maintainer; everything else speaks to `View3D` and `Scene`. Geometry is made per layer and kept
while the layer stays the same, so that an edit sends what changed. Colours carry their light with them: the picture
needs no lamps, and a colour on screen is the colour of the legend.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pythreejs as three

from widgets.builder import shaders
from widgets.builder.camera import FOV_DEG, Eye, fitted
from widgets.builder.colours import Painting, shade
from widgets.builder.lattices import Cells, Lattice
from widgets.builder.scene import Body, Cut, Scene
from widgets.design.svg import nice_length
from workbench.stack import geometry

BACKGROUND, INK, CHOSEN = "#F4F6F8", "#1A2027", "#D55E00"
EDGE = "#26303C"
DRAG_S = 0.25  # a click that ends a drag is not a pick
_FACES = ((3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))
_EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7))
FAR = 1e6
MOST_TINTS = 6  # colours of one field's bumps


class View3D:
    """A renderer with its cameras and controls. `on_pick(origin, direction)` hears the ray of each click, in the
    module's true heights."""

    def __init__(self, width: int = 820, height: int = 540):
        self.aspect = width / height
        self.exaggeration = 1.0
        self._plane = three.Plane(normal=(-1, 0, 0), constant=FAR)
        self._root, self._caps, self._extra = three.Group(), three.Group(), three.Group()
        self._marks = three.Group()
        self._around = three.Group()  # axes and scale bar: not stretched
        proxy = three.MeshBasicMaterial(visible=False, side="DoubleSide")
        self._proxy = three.Mesh(three.BoxBufferGeometry(1, 1, 1), proxy)
        self._scene = three.Scene(children=[self._root, self._around, self._proxy], background=BACKGROUND)
        self._ortho = three.OrthographicCamera(up=(0, 0, 1))
        self._persp = three.PerspectiveCamera(up=(0, 0, 1), fov=FOV_DEG, aspect=self.aspect)
        self._controls = {camera: three.OrbitControls(controlling=camera, screenSpacePanning=True)
                          for camera in (self._ortho, self._persp)}  # fmt: skip
        self._picker = three.Picker(controlling=self._proxy, event="click")
        self.renderer = three.Renderer(
            scene=self._scene, camera=self._ortho, controls=[self._controls[self._ortho], self._picker],
            width=width, height=height, antialias=True, localClippingEnabled=True,
        )  # fmt: skip
        self._moved_at = 0.0
        self._layers: dict[str, _Drawn] = {}
        self._textures: dict[bytes, three.DataTexture] = {}
        self._temporary: dict[str, list[Any]] = {}
        self._view, self._middle = "corner", 0.0
        self._cut: Cut | None = None
        self._shown: Scene | None = None
        self._hear: Callable[[np.ndarray, np.ndarray], None] = lambda origin, direction: None
        self._picker.observe(self._picked, names=["point"])
        for camera in (self._ortho, self._persp):
            camera.observe(self._camera_moved, names=["position"])

    # --- the eye -----------------------------------------------------------------------------------------------------

    @property
    def perspective(self) -> bool:
        return self.renderer.camera is self._persp

    def look(self, view: str | None = None, *, perspective: bool | None = None) -> None:
        """Fit the module into the frame, from one of the named views (None: the last)."""
        self._view = view or self._view
        wants = self.perspective if perspective is None else perspective
        low, high = self._bounds()
        eye = fitted(low, high, view=self._view, aspect=self.aspect, perspective=wants)
        camera = self._persp if wants else self._ortho
        controls = self._controls[camera]
        with self.renderer.hold(), camera.hold_sync(), controls.hold_sync():
            half = eye.half_height
            camera.near, camera.far = eye.radius * (0.02 if wants else 0.05), eye.radius * (60 if wants else 8)
            if not wants:
                camera.left, camera.right = -half * self.aspect, half * self.aspect
                camera.top, camera.bottom = half, -half
            camera.zoom = 1.0
            camera.position, camera.quaternion = tuple(eye.position.tolist()), eye.quaternion
            controls.target = tuple(eye.target.tolist())
        if self.renderer.camera is not camera:
            self.renderer.camera = camera
            self.renderer.controls = [controls, self._picker]
        controls.exec_three_obj_method("update")

    def zoom_by(self, factor: float) -> None:
        """For the keyboard; the mouse wheel does the same."""
        self.renderer.camera.zoom = float(np.clip(self.renderer.camera.zoom * factor, 0.05, 400))

    def turn_by(self, azimuth_deg: float, height_deg: float) -> None:
        """Walk around the module: to the right, and up."""
        camera = self.renderer.camera
        target = np.array(self._controls[camera].target)
        offset = np.array(camera.position) - target
        length = np.linalg.norm(offset)
        azimuth = np.arctan2(offset[1], offset[0]) + np.radians(azimuth_deg)
        rise = np.clip(np.arcsin(offset[2] / length) + np.radians(height_deg), -1.57, 1.57)
        towards = np.array([np.cos(rise) * np.cos(azimuth), np.cos(rise) * np.sin(azimuth), np.sin(rise)])
        eye = Eye(target + towards * length, target, 1.0, 1.0)
        with self.renderer.hold(), camera.hold_sync():
            camera.position, camera.quaternion = tuple(eye.position.tolist()), eye.quaternion

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self._shown.bounds_mm()
        return (low - (0, 0, self._middle)) * (1, 1, self.exaggeration), (high - (0, 0, self._middle)) * (
            1, 1, self.exaggeration)  # fmt: skip

    def _camera_moved(self, change: Any) -> None:
        """Every click sends the camera's place again, rounded: only a real move is a drag."""
        old, new = np.array(change["old"], float), np.array(change["new"], float)
        if np.linalg.norm(new - old) > 1e-4 * max(float(np.linalg.norm(new)), 1e-9):
            self._moved_at = time.monotonic()

    def on_pick(self, hear: Callable[[np.ndarray, np.ndarray], None]) -> None:
        self._hear = hear

    def _picked(self, change: Any) -> None:
        if time.monotonic() - self._moved_at < DRAG_S or self._picker.object is None:
            return
        self._hear(*self.ray(np.array(change["new"], float)))

    def ray(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Origin and direction, in true heights, of the ray that meets `point` of the picture's world."""
        camera = self.renderer.camera
        position, target = np.array(camera.position), np.array(self._controls[camera].target)
        true, raised = np.array([1, 1, 1 / self.exaggeration]), np.array([0, 0, self._middle])
        if self.perspective:
            return position * true + raised, (point - position) * true
        along = target - position
        along = along / np.linalg.norm(along)
        origin = point - along * np.dot(point - position, along)
        return origin * true + raised, along * true

    # --- what is seen ------------------------------------------------------------------------------------------------

    def show(
        self, scene: Scene, painting: Painting, *, exaggeration: float | None = None, cut: Cut | None = None
    ) -> None:
        """Draw a scene; layers that stayed the same are kept."""
        if exaggeration is not None:
            self.exaggeration = exaggeration
        first, self._shown = self._shown is None, scene
        kept: dict[str, _Drawn] = {}
        old = dict(self._layers)
        with self.renderer.hold():
            for level in scene.levels:
                name = level.layer.name
                digest = _digest(scene, painting, name)
                entry = old.get(name)
                if entry is None or entry.digest != digest:
                    entry = self._layer(scene, painting, name, digest)
                else:
                    del old[name]
                    # The same fields by other names: the scene was made anew.
                    entry.fields = [(f, m) for f, (_, m) in zip(_fields_of(scene, name), entry.fields, strict=True)]
                kept[name] = entry
            self._root.children = [*(entry.group for entry in kept.values()), self._caps, self._extra, self._marks]
            self._layers = kept
            self._stand(scene)
            low, high = self._bounds()
            reach = float(np.linalg.norm(high - low)) * 3
            self._proxy.scale = (reach, reach, reach)
            self._frame(scene)
            self.cut(cut)
        for entry in old.values():
            _close([entry.group, *entry.made])
        used = {key for entry in kept.values() for key in entry.textures}
        _close([self._textures.pop(key) for key in set(self._textures) - used])
        if first:
            self.look("corner")

    def lift(self, scene: Scene, exaggeration: float, cut: Cut | None) -> None:
        """Follow the explode and height sliders: groups move, nothing is made anew."""
        self._shown, self.exaggeration = scene, exaggeration
        with self.renderer.hold():
            self._stand(scene)
            self._frame(scene)
            self.cut(cut)

    def _stand(self, scene: Scene) -> None:
        """Put every layer at its height. The middle of the module is the origin of the picture: OrbitControls turns
        about it from the start, and a target sent later would come too late for the first picture."""
        self._middle = scene.height_mm / 2
        self._root.scale = (1, 1, self.exaggeration)
        self._root.position = self._around.position = (0, 0, -self._middle * self.exaggeration)
        for level in scene.levels:
            entry = self._layers[level.layer.name]
            entry.group.visible = scene.shown(level.layer.name)
            entry.group.position = (0, 0, level.z_bottom_um / 1000 + scene.lift_mm(level.layer.name))
            for piece in entry.made:
                # Closed up, the nearest see-through face hides those behind it: one tint instead of a dark pile.
                if isinstance(piece, three.MeshBasicMaterial) and piece.transparent:
                    piece.depthWrite = scene.explode == 0

    def cut(self, cut: Cut | None) -> None:
        """Move the section plane and draw the cut faces, hatched; None: no section."""
        if (cut is None) != (self._cut is None):
            self._planes_anew()
        self._cut = cut
        if cut is None:
            self._plane.normal, self._plane.constant = (-1, 0, 0), FAR
            self._replace("caps", self._caps, [])
            return
        towards = cut.normal[{"x": 0, "y": 1, "z": 2}[cut.axis]]
        at = (cut.at_mm - self._middle) * self.exaggeration if cut.axis == "z" else cut.at_mm
        self._plane.normal, self._plane.constant = tuple(cut.normal.tolist()), float(-towards * at)
        faces = self._shown.caps(cut)
        self._replace("caps", self._caps, [_cap_mesh(self._shown, faces, cut)] if faces else [])

    def outline(self, boxes: Sequence[tuple[np.ndarray, float, float]]) -> None:
        """Draw boxes (corners, bottom and top in mm as exploded) as lines over everything."""
        made = []
        if boxes:
            points = np.concatenate([_corners(corners, low, high)[np.array(_EDGES)].reshape(-1, 3)
                                     for corners, low, high in boxes])  # fmt: skip
            made = [_lines(points, CHOSEN, linewidth=2, over=True)]
        self._replace("outline", self._extra, made)

    def mark(self, groups: Iterable[tuple[str, np.ndarray]]) -> None:
        """Draw markers: for each colour, points (n, 3) in mm as exploded."""
        made = []
        for colour, points in groups:
            for size, tint in ((15, "#FFFFFF"), (11, colour)):
                attributes = {"position": three.BufferAttribute(points.astype(np.float32))}
                material = three.PointsMaterial(color=tint, size=size, sizeAttenuation=False, depthTest=False,
                                                transparent=True)  # fmt: skip
                made.append(three.Points(three.BufferGeometry(attributes=attributes), material, renderOrder=91))
        self._replace("marks", self._marks, made)

    def _planes_anew(self, *materials: three.ShaderMaterial) -> None:
        """Let three.js put its own section planes into the fields' tables again."""
        for material in materials or [m for entry in self._layers.values() for _, m in entry.fields]:
            material.needsUpdate = True

    def choose_site(self, field: Lattice | Cells | None, column: int = -1, row: int = -1) -> None:
        """Show one bump or via of a field as picked."""
        for each, material in (pair for entry in self._layers.values() for pair in entry.fields):
            wanted = (float(column), float(row)) if each is field else (-1.0, -1.0)
            if material.uniforms["chosen"]["value"] != list(wanted):
                material.uniforms = {**material.uniforms, "chosen": {"value": list(wanted)}}  # the texture stays last
                self._planes_anew(material)

    # --- making ------------------------------------------------------------------------------------------------------

    def _layer(self, scene: Scene, painting: Painting, name: str, digest: bytes) -> _Drawn:
        bottom_mm = scene.levels[scene.order[name]].z_bottom_um / 1000
        children: list[Any] = []
        bodies = [b for b in painting.bodies(scene) if b.layer == name]
        for opaque in (True, False):
            part = [b for b in bodies if (b.opacity >= 1) == opaque]
            if part:
                children.append(self._boxes(part, bottom_mm, opaque, 10 + len(scene.levels) - scene.order[name]))
        lines = [b for b in bodies if b.kind != "metal"]
        if lines:
            points = [_corners(b.corners_mm, b.z_bottom_um / 1000 - bottom_mm, b.z_top_um / 1000 - bottom_mm)
                      [np.array(_EDGES)].reshape(-1, 3) for b in lines]  # fmt: skip
            children.append(_lines(np.concatenate(points), EDGE, opacity=0.55, planes=(self._plane,)))
        fields, textures = [], []
        for field in _fields_of(scene, name):
            mesh, key = self._field(field, painting, scene, bottom_mm)
            children.append(mesh)
            fields.append((field, mesh.material))
            textures.append(key)
        made = [piece for child in children for piece in (child, child.geometry, child.material)]
        return _Drawn(digest, three.Group(children=children), made, fields, textures)

    def _boxes(self, bodies: Sequence[Body], bottom_mm: float, opaque: bool, order: int) -> three.Mesh:
        position, tint, index = [], [], []
        for body in bodies:
            corners = _corners(body.corners_mm, body.z_bottom_um / 1000 - bottom_mm, body.z_top_um / 1000 - bottom_mm)
            for face in _FACES:
                points = corners[list(face)]
                normal = np.cross(points[1] - points[0], points[2] - points[0])
                index.append(np.array([0, 1, 2, 0, 2, 3]) + 4 * len(position))
                position.append(points)
                tint.append(np.tile(_lit(body.colour, normal / (np.linalg.norm(normal) or 1)), (4, 1)))
        attributes = {
            "position": three.BufferAttribute(np.concatenate(position).astype(np.float32)),
            "color": three.BufferAttribute(np.concatenate(tint).astype(np.float32)),
            "index": three.BufferAttribute(np.concatenate(index).astype(np.uint32)),
        }
        opacity = min(body.opacity for body in bodies)
        material = three.MeshBasicMaterial(
            vertexColors="VertexColors", transparent=not opaque, opacity=opacity, depthWrite=opaque,
            side="DoubleSide" if opaque else "FrontSide", clippingPlanes=(self._plane,), polygonOffset=True,
            polygonOffsetFactor=1 if opaque else 2, polygonOffsetUnits=1 if opaque else 8,  # a flush die shows
        )  # fmt: skip
        return three.Mesh(three.BufferGeometry(attributes=attributes), material, renderOrder=0 if opaque else order)

    def _field(self, field: Lattice | Cells, painting: Painting, scene: Scene, bottom_mm: float) -> tuple[Any, Any]:
        state, palette = painting.texels(field)
        low, high = field.z_bottom_um / 1000 - bottom_mm, field.z_top_um / 1000 - bottom_mm
        middle = (low + high) / 2  # the box's own centre is the origin of the shader's frame
        cells = isinstance(field, Cells)
        pitch = (field.cell_mm, field.cell_mm) if cells else (field.pitch_x_mm, field.pitch_y_mm)
        size = np.array([field.columns * pitch[0], field.rows * pitch[1]])
        centre = np.array([field.x_mm, field.y_mm]) + (size / 2 if cells else 0)
        angle = 0.0 if cells else field.angle_deg
        cos, sin = geometry.cos_sin(angle)
        rim = 2 * field.radius_mm if cells else 0.0
        key, texture = self._texture(state, "RGBAFormat" if state.ndim == 3 else "LuminanceFormat")
        tints = [palette[min(i, len(palette) - 1)] for i in range(MOST_TINTS)]
        material = three.ShaderMaterial(
            vertexShader=shaders.FIELD_VERTEX, fragmentShader=shaders.field_fragment(cells=cells), side="BackSide",
            transparent=True, clipping=True, clippingPlanes=(self._plane,),
            extensions={"fragDepth": True, "derivatives": True},
            uniforms={
                **{f"tint{i + 1}": {"value": tint} for i, tint in enumerate(tints)},
                "texels": {"value": [float(state.shape[1]), float(state.shape[0])]},
                "count": {"value": [float(field.columns), float(field.rows)]},
                "pitch": {"value": [float(pitch[0]), float(pitch[1])]},
                "span": {"value": [low - middle, high - middle]},
                "radius": {"value": float(field.radius_mm)},
                "turn": {"value": [cos, sin]},
                "chosen": {"value": [-1.0, -1.0]},
                "lift": {"value": scene.proud_mm},
                # three.js adds the planes itself, but pythreejs clears the whole table when it reads it again (a page
                # that loads while its notebook runs does): without a value here drawing would stop. See `_planes_anew`.
                "clippingPlanes": {"value": [0.0, 0.0, 0.0, FAR] * 2},
                # pythreejs hands the one texture that it can to the last name, whatever its own is.
                "state": {"value": texture},
            },
        )  # fmt: skip
        box = three.BoxBufferGeometry(float(size[0] + rim), float(size[1] + rim), high - low)
        half = np.radians(angle) / 2
        mesh = three.Mesh(box, material, position=(float(centre[0]), float(centre[1]), middle),
                          quaternion=(0, 0, float(np.sin(half)), float(np.cos(half))), renderOrder=1)  # fmt: skip
        return mesh, key

    def _texture(self, data: np.ndarray, kind: str) -> tuple[bytes, three.DataTexture]:
        """One texture for equal content: dies of one type share theirs."""
        key = hashlib.sha256(repr((data.shape, kind)).encode() + data.tobytes()).digest()
        if key not in self._textures:
            self._textures[key] = three.DataTexture(data=data, format=kind, type="UnsignedByteType",
                                                    unpackAlignment=1)  # fmt: skip
        return key, self._textures[key]

    def _replace(self, slot: str, group: three.Group, made: list[Any]) -> None:
        old = self._temporary.get(slot, [])
        group.children = made
        self._temporary[slot] = [piece for child in made for piece in (child, child.geometry, child.material)]
        _close(old)

    def _frame(self, scene: Scene) -> None:
        """Axes and scale bars at the module's front left corner."""
        width, length = scene.design.width_mm, scene.design.length_mm
        margin = 0.05 * max(width, length)
        x0, y0 = -width / 2, -length / 2 - margin
        bar = nice_length(width * 1000 / 3) / 1000
        tick, size = margin * 0.3, 0.30 * max(width, length)
        key = (width, length, self.exaggeration, scene.total_um)
        if getattr(self, "_framed", None) == key:
            return
        self._framed = key
        z = nice_length(scene.total_um * 0.5)
        high = z / 1000 * self.exaggeration
        lines = [(x0, y0, 0), (x0 + bar, y0, 0), (x0, y0 - tick, 0), (x0, y0 + tick, 0), (x0 + bar, y0 - tick, 0),
                 (x0 + bar, y0 + tick, 0)]  # fmt: skip
        xz = x0 - margin
        lines += [(xz, y0, 0), (xz, y0, high), (xz - tick, y0, 0), (xz + tick, y0, 0), (xz - tick, y0, high),
                  (xz + tick, y0, high)]  # fmt: skip
        made: list[Any] = [_lines(np.array(lines), INK, linewidth=2)]
        axis, corner = 0.16 * max(width, length), np.array([width / 2 + 2.4 * margin, y0, 0])
        for unit, colour, name in ((0, "#B3261E", "x"), (1, "#1B7F4B", "y"), (2, "#0B4F7D", "z")):
            end = corner + np.eye(3)[unit] * axis
            made += [_lines(np.array([corner, end]), colour, linewidth=3),
                     _words(name, end + np.eye(3)[unit] * axis * 0.18, size * 0.16, colour)]  # fmt: skip
        made.append(_words(f"{bar * 1000:,.0f} µm", np.array([x0 + bar / 2, y0 - 1.4 * margin, 0]), size * 0.15, INK))
        stretched = f" (×{self.exaggeration:g})" if self.exaggeration != 1 else ""
        made.append(_words(f"{z:,.0f} µm{stretched}", np.array([xz - 0.6 * margin, y0, high + 0.9 * margin]),
                           size * 0.15, INK))  # fmt: skip
        old = self._temporary.get("frame", [])
        self._around.children = made
        self._temporary["frame"] = [
            piece for child in made
            for piece in ((child, child.material, child.material.map) if isinstance(child, three.Sprite)
                          else (child, child.geometry, child.material))
        ]  # fmt: skip
        _close(old)


@dataclass
class _Drawn:
    """One layer as drawn: what it was made from, its group, the widgets to close with it, its fields' materials and
    the keys of the textures they use."""

    digest: bytes
    group: three.Group
    made: list[Any]
    fields: list[tuple[Lattice | Cells, three.ShaderMaterial]]
    textures: list[bytes]


def _fields_of(scene: Scene, name: str) -> list[Lattice | Cells]:
    return [field for field in scene.fields if scene.layer_of_field(field) == name]


def _digest(scene: Scene, painting: Painting, name: str) -> bytes:
    bottom = scene.levels[scene.order[name]].z_bottom_um
    parts = [b.corners_mm.tobytes() + repr((b.kind, b.colour, b.opacity, round(b.z_bottom_um - bottom, 6),
                                            round(b.z_top_um - bottom, 6))).encode()
             for b in painting.bodies(scene) if b.layer == name]  # fmt: skip
    for field in _fields_of(scene, name):
        place = (field.x_mm, field.y_mm, getattr(field, "angle_deg", 0.0), field.columns, field.rows,
                 round(field.z_bottom_um - bottom, 6), round(field.z_top_um - bottom, 6),
                 field.radius_mm)  # fmt: skip
        state, palette = painting.texels(field)
        parts.append(repr((place, palette, state.shape)).encode() + hashlib.sha256(state.tobytes()).digest())
    return hashlib.sha256(b"|".join(parts)).digest()


def _corners(plan: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.concatenate([np.column_stack([plan, np.full(4, low)]), np.column_stack([plan, np.full(4, high)])])


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _lit(colour: str, normal: np.ndarray) -> np.ndarray:
    return np.array(_rgb(colour)) / 255 * min(shade(normal), 1.0)


def _lines(points: np.ndarray, colour: str, *, linewidth: float = 1, opacity: float = 1.0, over: bool = False,
           planes: tuple[Any, ...] = ()) -> three.LineSegments:  # fmt: skip
    material = three.LineBasicMaterial(color=colour, linewidth=linewidth, transparent=opacity < 1 or over,
                                       opacity=opacity, depthTest=not over, clippingPlanes=planes)  # fmt: skip
    attributes = {"position": three.BufferAttribute(np.asarray(points, np.float32))}
    return three.LineSegments(three.BufferGeometry(attributes=attributes), material, renderOrder=90 if over else 3)


def _words(said: str, place: np.ndarray, height: float, colour: str) -> three.Sprite:
    texture = three.TextTexture(string=said, color=colour, size=64, squareTexture=False, fontFace="sans-serif")
    wide = 0.56 * len(said) * height * 0.62
    return three.Sprite(three.SpriteMaterial(map=texture, transparent=True, depthTest=False),
                        position=tuple(float(v) for v in place), scale=(wide, height * 0.7, 1))  # fmt: skip


def _cap_mesh(scene: Scene, faces: Sequence[tuple[Body, np.ndarray]], cut: Cut) -> three.Mesh:
    """Cut faces, what lies within another a little before it."""
    reach = float(np.linalg.norm([scene.design.width_mm, scene.design.length_mm]))
    position, tint, alpha, index, count = [], [], [], [], 0
    for body, points in sorted(faces, key=lambda face: face[0].rank):
        position.append(points - cut.normal * reach * 2e-4 * (1 + body.rank))
        tint.append(np.tile(np.array(_rgb(body.colour)) / 255, (4, 1)))
        alpha.append(np.full(4, 1.0 if body.opacity >= 1 else 0.75))
        index.append(np.array([0, 1, 2, 0, 2, 3]) + count)
        count += 4
    attributes = {
        "position": three.BufferAttribute(np.concatenate(position).astype(np.float32)),
        "tint": three.BufferAttribute(np.concatenate(tint).astype(np.float32)),
        "alpha": three.BufferAttribute(np.concatenate(alpha).astype(np.float32)),
        "index": three.BufferAttribute(np.concatenate(index).astype(np.uint32)),
    }
    material = three.ShaderMaterial(vertexShader=shaders.CAP_VERTEX, fragmentShader=shaders.CAP_FRAGMENT,
                                    side="DoubleSide", transparent=True)  # fmt: skip
    return three.Mesh(three.BufferGeometry(attributes=attributes), material, renderOrder=0)


def _close(pieces: Iterable[Any]) -> None:
    """Forget widgets, and the buffers of geometries with them."""
    for piece in pieces:
        if isinstance(piece, three.BufferGeometry):
            for attribute in piece.attributes.values():
                attribute.close()
        piece.close()
