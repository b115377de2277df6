"""Lithography of redistribution layers: the width of a space over focus and dose, at NA 0.1 ... 0.16.

Between pitches of lambda / NA and 3 lambda / NA only the orders 0 and +-1 of equal lines and spaces reach the image;
there the image of a coherent source is known in closed form, and with it the width that a threshold resist prints.
Partly coherent sources are summed point by point (Abbe).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workbench.process.fan_out.model import Model, declared, require

Array = np.ndarray
I_LINE_UM = 0.365


def depth_of_focus_um(*, na: ArrayLike, wavelength_um: ArrayLike = I_LINE_UM, k2: float = 1.0) -> Array:
    """Full depth of focus k2 lambda / NA^2 (Rayleigh; k2 = 1: a quarter wave at the edge of the pupil either way)."""
    return k2 * np.asarray(wavelength_um, float) / np.asarray(na, float) ** 2


def focus_phase_rad(*, defocus_um: ArrayLike, pitch_um: ArrayLike, wavelength_um: ArrayLike = I_LINE_UM) -> Array:
    """Phase of the first orders against the zeroth: 2 pi z (1 - sqrt(1 - (lambda / p)^2)) / lambda, without the
    paraxial approximation pi lambda z / p^2."""
    wavelength = np.asarray(wavelength_um, float)
    cosine = np.sqrt(1 - (wavelength / np.asarray(pitch_um, float)) ** 2)
    return 2 * np.pi * np.asarray(defocus_um, float) * (1 - cosine) / wavelength


def printed_space_um(
    *,
    dose_mj_per_cm2: ArrayLike,
    defocus_um: ArrayLike,
    threshold_mj_per_cm2: ArrayLike,
    pitch_um: float,
    wavelength_um: float = I_LINE_UM,
    diffusion_um: ArrayLike = 0.0,
) -> Array:
    """Width of the space in equal lines and spaces: where the exposure is above the threshold (positive tone).

    Image: 1/4 + 2/pi^2 + (2/pi) cos(phase) c + (2/pi^2) cos 2 (2 pi x / p), c = cos(2 pi x / p), in units of the clear
    field; diffusion damps the k-th harmonic by exp(-2 (pi k s / p)^2). The edge is the root of a quadratic in c; no
    root: 0 (nothing opens) or the pitch (nothing stays). Arguments broadcast. Valid: coherent source, orders 0 and +-1
    only, defocus within a quarter wave of the first order (DomainError beyond, and for dose or threshold not above 0).
    Source: Fourier optics, exact; Mack, Fundamental Principles of Optical Lithography, ch. 3 (not read).
    """
    phase = np.abs(focus_phase_rad(defocus_um=defocus_um, pitch_um=pitch_um, wavelength_um=wavelength_um))
    require(bool((phase <= np.pi / 2).all()), "printed_space_um: defocus", f"{np.max(phase):.3g} rad", "<= pi / 2")
    dose, threshold = np.asarray(dose_mj_per_cm2, float), np.asarray(threshold_mj_per_cm2, float)
    require(bool((dose > 0).all() and (threshold > 0).all()), "printed_space_um: dose", dose.min(), "> 0")
    return _space(dose, phase, threshold, pitch_um, np.asarray(diffusion_um, float))


def _space(dose: Array, phase: Array, threshold: Array, pitch_um: float, diffusion: Array) -> Array:
    blur = np.exp(-2 * (np.pi * diffusion / pitch_um) ** 2)
    a0, a1, a2 = 0.25 + 2 / np.pi**2, 2 / np.pi * np.cos(phase) * blur, 2 / np.pi**2 * blur**4
    rest = a0 - a2 - threshold / dose
    # the root in the form that survives a second harmonic damped to nothing
    root = -2 * rest / np.maximum(a1 + np.sqrt(np.maximum(a1**2 - 8 * a2 * rest, 0.0)), 1e-12)
    return pitch_um / np.pi * np.arccos(np.clip(root, -1, 1))


def aerial_image(
    x_um: Array,
    *,
    pitch_um: float,
    na: float,
    space_ratio: float = 0.5,
    coherence: float = 0.0,
    defocus_um: float = 0.0,
    wavelength_um: float = I_LINE_UM,
    source_points: int = 32,
) -> Array:
    """Intensity (n,) of a grating at `x_um` (0: the middle of a space), 1 in a clear field.

    Scalar image of an unpolarised disc source of radius `coherence` x NA, summed over `source_points` rings and angles
    (Abbe). `space_ratio`: clear share of the pitch. Raises DomainError: NA not in 0 ... 0.9, coherence not in 0 ... 1.
    Source: Abbe 1873; Born and Wolf, Principles of Optics, 10.6.
    """
    require(0 < na < 0.9 and 0 <= coherence <= 1 and 0 < space_ratio < 1, "aerial_image", f"NA {na}, {coherence}",
            "0 < NA < 0.9, 0 <= coherence <= 1")  # fmt: skip
    node, weight = np.polynomial.legendre.leggauss(source_points)
    if coherence == 0:
        sx, sy, share = np.zeros(1), np.zeros(1), np.ones(1)
    else:  # equal areas: the square of the radius is uniform
        radius = coherence * na * np.sqrt((node + 1) / 2)
        angle = (np.arange(source_points) + 0.5) * 2 * np.pi / source_points
        sx, sy = (np.outer(radius, f(angle)).ravel() for f in (np.cos, np.sin))
        share = np.repeat(weight / 2 / source_points, source_points)
    reach = int(np.ceil((1 + coherence) * na * pitch_um / wavelength_um)) + 1
    order = np.arange(-reach, reach + 1)
    amplitude = space_ratio * np.sinc(order * space_ratio)
    px = sx[:, None] + order * wavelength_um / pitch_um
    square = px**2 + sy[:, None] ** 2
    passed = square <= na**2 * (1 + 1e-12)
    phase = 2 * np.pi / wavelength_um * defocus_um * np.sqrt(np.maximum(1 - square, 0.0))
    wave = np.where(passed, amplitude * np.exp(1j * phase), 0)
    field = wave @ np.exp(2j * np.pi * np.outer(order, np.asarray(x_um, float)) / pitch_um)
    return share @ np.abs(field) ** 2


def space_in_image_um(image: Array, *, pitch_um: float, threshold_ratio: ArrayLike) -> Array:
    """Width above `threshold_ratio` (threshold / dose) of an even `image` (n,) sampled evenly from 0 to half a pitch,
    by linear interpolation at the edge nearest the middle; 0 and the pitch where there is none."""
    x = np.linspace(0, pitch_um / 2, len(image))
    found = []
    for level in np.atleast_1d(np.asarray(threshold_ratio, float)):
        below = np.flatnonzero(image < level)
        if not len(below):
            found.append(pitch_um)
        elif below[0] == 0:
            found.append(0.0)
        else:
            k = below[0]
            found.append(2 * (x[k - 1] + (x[k] - x[k - 1]) * (image[k - 1] - level) / (image[k - 1] - image[k])))
    return np.array(found).reshape(np.shape(threshold_ratio))


def local_focus_um(
    *, x_mm: ArrayLike, y_mm: ArrayLike, offset_um: float = 0.0, tilt_x_rad: float = 0.0, tilt_y_rad: float = 0.0,
    curvature_per_m: float = 0.0, topography_um: ArrayLike = 0.0,
) -> Array:  # fmt: skip
    """Defocus over a field: offset, tilt of the stage, curvature of field or warpage, height of what lies below."""
    x, y = np.asarray(x_mm, float), np.asarray(y_mm, float)
    bowl = curvature_per_m / 2 * (x**2 + y**2)  # mm2 / m is um
    return offset_um + 1e3 * (tilt_x_rad * x + tilt_y_rad * y) + bowl + np.asarray(topography_um, float)


def lithography(*, pitch_um: float, na: float, wavelength_um: float = I_LINE_UM) -> Model:
    """Space over focus and dose at one pitch. Raises DomainError: a pitch at which other orders pass, or none."""
    require(wavelength_um / na <= pitch_um < 3 * wavelength_um / na, "lithography: pitch_um", pitch_um,
            f"{wavelength_um / na:.3g} ... {3 * wavelength_um / na:.3g} um")  # fmt: skip

    def space(focus_um, dose_mj_per_cm2, threshold_mj_per_cm2, focus_offset_um, diffusion_um, bias_um):
        phase = focus_phase_rad(defocus_um=focus_um - focus_offset_um, pitch_um=pitch_um, wavelength_um=wavelength_um)
        # beyond a quarter wave the image is upside down; no fit should end there
        phase = np.minimum(np.abs(phase), np.pi / 2)
        threshold, diffusion = np.asarray(threshold_mj_per_cm2), np.asarray(diffusion_um)
        return _space(dose_mj_per_cm2, phase, threshold, pitch_um, diffusion) + bias_um

    return declared("lithography", response="space_um", function=space, factors=("focus_um", "dose_mj_per_cm2"))
