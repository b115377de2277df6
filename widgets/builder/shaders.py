"""Round features of a whole field drawn by the fragment shader: real cylinders, one box of twelve triangles.

Only the back faces of the field's box are rasterised. For each pixel the ray through the box is followed from site to
site until it meets a cylinder, so the picture costs pixels, not bumps: a million are as cheap as a hundred. Where sites
are smaller than a pixel the field is shown by the share of the area it covers. The section plane is applied to the ray,
so that a cut shows cut cylinders. `state` holds one texel per site (0: no feature, n: colour `tint<n>`).
"""

from __future__ import annotations

SHADE = """
float shade(vec3 n) {
  return 0.74 + 0.26 * max(n.z, 0.0) - 0.22 * max(-n.z, 0.0) - 0.12 * n.y + 0.06 * n.x;
}
"""

FIELD_VERTEX = """
varying vec3 vPoint;
varying vec3 vAlong;
varying vec3 vEyePoint;
varying vec3 vEyeAlong;

mat3 inverted(mat3 m) {
  vec3 a = cross(m[1], m[2]), b = cross(m[2], m[0]), c = cross(m[0], m[1]);
  return mat3(vec3(a.x, b.x, c.x), vec3(a.y, b.y, c.y), vec3(a.z, b.z, c.z)) / dot(m[0], a);
}

void main() {
  vec4 eye = modelViewMatrix * vec4(position, 1.0);
  vPoint = position;
  vEyePoint = eye.xyz;
  vEyeAlong = projectionMatrix[3][3] == 1.0 ? vec3(0.0, 0.0, -1.0) : eye.xyz;
  vAlong = inverted(mat3(modelViewMatrix)) * vEyeAlong;
  gl_Position = projectionMatrix * eye;
}
"""

# Points: each cell holds one point at an offset, and a disc may reach into the cells around.
_SITE = """
vec4 texel(vec2 cell) { return texture2D(state, (cell + 0.5) / texels); }
float code(vec4 t) { return floor(t.%(channel)s * 255.0 + 0.5); }
"""
_CENTRE = {
    "lattice": "vec2 centre(vec2 cell, vec4 t) { return (cell + 0.5 - 0.5 * count) * pitch; }",
    "cells": "vec2 centre(vec2 cell, vec4 t) { return (cell + t.rg - 0.5 * count) * pitch; }",
}
_FRAGMENT = """
uniform sampler2D state;
uniform vec3 tint1; uniform vec3 tint2; uniform vec3 tint3; uniform vec3 tint4; uniform vec3 tint5; uniform vec3 tint6;
uniform vec2 texels;
uniform vec2 count;
uniform vec2 pitch;
uniform vec2 span;     // low and high end of the cylinders
uniform float radius;
uniform vec2 turn;     // cosine and sine of the field's angle: normals are shaded as the module stands
uniform vec2 chosen;   // the picked site, or (-1, -1)
uniform float lift;    // towards the eye, so that a flush end shows on its face
uniform mat4 projectionMatrix;
varying vec3 vPoint;
varying vec3 vAlong;
varying vec3 vEyePoint;
varying vec3 vEyeAlong;
#if NUM_CLIPPING_PLANES > 0
uniform vec4 clippingPlanes[NUM_CLIPPING_PLANES];
#endif
%(shade)s
%(site)s
%(centre)s

vec3 colour(float c) {
  return c < 1.5 ? tint1 : c < 2.5 ? tint2 : c < 3.5 ? tint3 : c < 4.5 ? tint4 : c < 5.5 ? tint5 : tint6;
}

void main() {
  // The part of the ray inside the box: it ends on this back face, at s = 0.
  vec3 half_ = vec3(0.5 * count * pitch + vec2(%(rim)s), 0.5 * (span.y - span.x));
  vec3 middle = vec3(0.0, 0.0, 0.5 * (span.x + span.y));
  vec3 along = vAlong + vec3(equal(vAlong, vec3(0.0))) * 1e-9;
  vec3 enter = (-sign(along) * half_ + middle - vPoint) / along;
  float s0 = max(max(enter.x, enter.y), enter.z), s1 = 0.0;
  vec3 normal = s0 == enter.z ? vec3(0.0, 0.0, -sign(along.z)) : vec3(0.0, 0.0, 1.0);
  if (projectionMatrix[3][3] != 1.0) s0 = max(s0, -0.999);
  bool cut = false;
#if NUM_CLIPPING_PLANES > 0
  for (int i = 0; i < NUM_CLIPPING_PLANES; i++) {
    float a = dot(vEyePoint, clippingPlanes[i].xyz) + clippingPlanes[i].w;
    float b = dot(vEyeAlong, clippingPlanes[i].xyz);
    if (abs(b) < 1e-9) { if (a < 0.0) discard; }
    else if (b > 0.0) { if (-a / b > s0) { s0 = -a / b; cut = true; } }
    else s1 = min(s1, -a / b);
  }
#endif
  if (s0 >= s1) discard;

  vec2 from = (vPoint.xy + s0 * along.xy) / pitch + 0.5 * count;
  vec2 dir = along.xy / pitch;
  float pixel = 1.4 * length(dFdx(vEyePoint.xy)) / min(pitch.x, pitch.y);  // sites per pixel
  float dense = cut ? 0.0 : smoothstep(0.30, 0.60, pixel);
  float s = s1;
  vec4 seen = vec4(0.0);

  if (dense < 1.0) {
    vec2 cell = floor(from), step_ = sign(dir);
    vec2 next = s0 + (cell + max(step_, 0.0) - from) / (dir + vec2(equal(dir, vec2(0.0))) * 1e-12);
    vec2 each = abs(1.0 / (dir + vec2(equal(dir, vec2(0.0))) * 1e-12));
    float A = max(dot(along.xy, along.xy), 1e-20);
    for (int i = 0; i < %(steps)d; i++) {
      float best = 1e9; float which = 0.0; vec3 n = vec3(0.0); vec2 at = vec2(-2.0);
      %(around)s
        if (all(greaterThanEqual(c, vec2(0.0))) && all(lessThan(c, count))) {
          vec4 t = texel(c);
          float k = code(t);
          if (k > 0.0) {
            vec2 o = vPoint.xy - centre(c, t);
            vec2 o0 = o + s0 * along.xy;
            if (dot(o0, o0) <= radius * radius) {
              if (s0 < best) { best = s0; which = k; n = normal; at = c; }
            } else {
              float B = dot(o, along.xy), C = dot(o, o) - radius * radius, D = B * B - A * C;
              float hit = (-B - sqrt(max(D, 0.0))) / A;
              if (D > 0.0 && hit > s0 && hit < s1 && hit < best) {
                best = hit; which = k; at = c;
                vec2 m = (o + hit * along.xy) / radius;
                n = vec3(turn.x * m.x - turn.y * m.y, turn.y * m.x + turn.x * m.y, 0.0);
              }
            }
          }
        }
      %(end)s
      if (which > 0.0) {
        vec3 base = at == chosen ? vec3(0.835, 0.369, 0.0) : colour(which);
        float light = shade(n);
        if (cut && best == s0) light = mod(gl_FragCoord.x - gl_FragCoord.y, 7.0) < 1.6 ? 0.62 : 0.92;
        seen = vec4(base * light, 1.0);
        s = best;
        break;
      }
      float reached = min(next.x, next.y);
      if (reached >= s1) break;
      if (next.x < next.y) { cell.x += step_.x; next.x += each.x; } else { cell.y += step_.y; next.y += each.y; }
    }
  }
  if (dense > 0.0) {  // the mean of what lies under the pixel
    vec3 sum = vec3(0.0); float filled = 0.0;
    vec2 reach = max(vec2(pixel), vec2(1.0));
    for (int i = 0; i < 9; i++) {
      vec2 away = vec2(float(i / 3) - 1.0, float(i - 3 * (i / 3)) - 1.0) * 0.33;
      vec2 c = clamp(floor(from + reach * away), vec2(0.0), count - 1.0);
      float k = code(texel(c));
      if (k > 0.0) { filled += 1.0; sum += c == chosen ? vec3(0.835, 0.369, 0.0) : colour(k); }
    }
    float share = clamp(3.14159 * radius * radius / (pitch.x * pitch.y), 0.0, 1.0) * filled / 9.0;
    float crossed = length(dir) * (s1 - s0);
    float covered = 1.0 - pow(1.0 - min(share, 0.98), 1.0 + 1.3 * crossed);
    vec4 mean = vec4(sum / max(filled, 1.0) * shade(vec3(0.0, -0.35, 0.65)), covered);
    seen = mix(seen.a > 0.0 ? seen : vec4(mean.rgb, 0.0), mean, dense);
    if (dense > 0.5) s = s0;
  }
  if (seen.a < 0.02) discard;
  vec3 eye = vEyePoint + s * vEyeAlong;
  float ortho = projectionMatrix[3][3] == 1.0 ? 1.0 : 0.0;
  eye += ortho > 0.5 ? vec3(0.0, 0.0, lift) : -normalize(eye) * lift;
  vec4 clip = projectionMatrix * vec4(eye, 1.0);
  gl_FragDepthEXT = 0.5 * clip.z / clip.w + 0.5;
  gl_FragColor = seen;
}
"""


def field_fragment(*, cells: bool) -> str:
    """The fragment shader for a lattice, or for points sorted into cells."""
    around = "for (int j = 0; j < 9; j++) { vec2 c = cell + vec2(float(j / 3) - 1.0, float(j - 3 * (j / 3)) - 1.0);"
    return _FRAGMENT % {
        "shade": SHADE,
        "site": _SITE % {"channel": "b" if cells else "r"},
        "centre": _CENTRE["cells" if cells else "lattice"],
        "rim": "radius" if cells else "0.0",
        "steps": 48 if cells else 40,
        "around": around if cells else "{ vec2 c = cell;",
        "end": "}",
    }


CAP_VERTEX = """
attribute vec3 tint;
attribute float alpha;
varying vec4 vTint;
void main() {
  vTint = vec4(tint, alpha);
  vec4 mvPosition = modelViewMatrix * vec4(position, 1.0);
  gl_Position = projectionMatrix * mvPosition;
}
"""

CAP_FRAGMENT = """
varying vec4 vTint;
void main() {
  float line = mod(gl_FragCoord.x + gl_FragCoord.y, 9.0) < 1.3 ? 0.70 : 1.0;
  gl_FragColor = vec4(vTint.rgb * line, vTint.a);
}
"""
