// Which pixels a tap of a filter joins: on each axis, tap `k` joins small pixel `i` to large pixel `stride * i + k - pad`,
// and to nothing where that is outside the image.
#pragma once
#include "gpu.h"

struct Axis {
    int kernel, stride, pad, large, small;
};

struct Join {
    Axis y, x;
};

// One axis of a layer on its way to some of the targets: target `i` is pixel `target_first + target_step * i`, and what its
// tap `j`, number `tap_first + tap_step * j` of the filter, reads is pixel `source_first + source_step * i + reach * j`.
struct Walk {
    int targets, target_first, target_step;
    int taps, tap_first, tap_step;
    int sources, source_first, source_step, reach;
};

// From the large side to the small one.
DEVICE Walk walk_down(const Axis& axis) {
    return {axis.small, 0, 1, axis.kernel, 0, 1, axis.large, -axis.pad, axis.stride, 1};
}

// From the small side to every `stride`-th pixel of the large one: those that the same taps reach. There are `stride` such
// phases.
DEVICE Walk walk_up(const Axis& axis, int phase) {
    int skipped = phase < axis.pad ? (axis.pad - phase + axis.stride - 1) / axis.stride : 0;
    int first = phase - axis.pad + skipped * axis.stride;
    int targets = first < axis.large ? (axis.large - first + axis.stride - 1) / axis.stride : 0;
    int taps = phase < axis.kernel ? (axis.kernel - phase + axis.stride - 1) / axis.stride : 0;
    return {targets, first, axis.stride, taps, phase, axis.stride, axis.small, skipped, 1, -1};
}
