// A layer of a stage, forwards or backwards, with the lines of the source that a block needs in the block's memory.
//
// The product is that of gather.cu. But neighbouring targets read the same source pixels, tap after tap: here these are copied
// once, whole lines of all channels, which lie together, and only the weights go by. On the way up a block makes its rows of
// one phase after the other, of the same lines.
#include "target.h"

constexpr int WEIGHT_STAGES = 3;

// A stage's filter has three taps on each axis, and a stride of two: two phases of an axis on the way up, of two taps and of
// one. `pad` is 0 or 1. These are walk_up and walk_down for that, which cost next to nothing.
DEVICE Walk stage_walk(const Axis& axis, bool up, int phase) {
    if (!up) return {axis.small, 0, 1, 3, 0, 1, axis.large, -axis.pad, 2, 1};
    int first = phase ^ axis.pad;
    return {(axis.large - first + 1) / 2, first, 2, 2 - phase, phase, 2, axis.small, phase < axis.pad ? 1 : 0, 1, -1};
}

DEVICE int clamped(int number, int most) { return number < 0 ? 0 : number > most ? most : number; }

// DOWN by SIDES warps make 32 DOWN rows.
template <int TERMS, int COLUMNS, int DOWN, int SIDES, bool TURNED>
DEVICE void resident(const GatherArgs& args) {
    constexpr int COUNT = 32 * DOWN * SIDES, HEIGHT = 32 * DOWN;
    constexpr int RIGHT_ROW = COLUMNS + 4, RIGHT_LEN = TURNED ? COLUMNS * CHUNK : CHUNK * RIGHT_ROW;
    const int c_source = args.c_source, c_target = args.c_target;
    const Join& join = args.join;
    const bool up = args.up != 0;
    const Axis &axis_y = join.y, &axis_x = join.x;
    const int sources_y = up ? axis_y.small : axis_y.large, sources_x = up ? axis_x.small : axis_x.large;
    // On the way up, those of the phase that has most.
    const int targets_y = up ? (axis_y.large + 1) / 2 : axis_y.small, targets_x = up ? (axis_x.large + 1) / 2 : axis_x.small;
    const int step = up ? 1 : 2;
    auto phase_y = [&](int phase) { return stage_walk(axis_y, up, phase / 2); };
    auto phase_x = [&](int phase) { return stage_walk(axis_x, up, phase % 2); };
    const int rows = args.images * targets_y * targets_x;
    const int row0 = block_x() * HEIGHT, column0 = block_y() * COLUMNS;
    const int phase0 = block_z() * args.phases, phase1 = phase0 + args.phases;

    // The lines from the first target's to the last's.
    auto line_of = [&](int row, int offset) {
        int line = row / targets_x, image = line / targets_y;
        return image * sources_y + clamped(step * (line - image * targets_y) + offset, sources_y - 1);
    };
    const int last_row = (row0 + HEIGHT < rows ? row0 + HEIGHT : rows) - 1;
    const int first_line = line_of(row0, up ? axis_y.pad - 1 : -axis_y.pad),
              lines = line_of(last_row, up ? axis_y.pad : 2 - axis_y.pad) - first_line + 1;

    // A pixel of zeros, then those of the lines. Its length keeps the lanes of a warp on different banks.
    const int channels = (c_source + 7) / 8 * 8;
    const int pixel_len = up ? channels + (channels % 16 == 0 ? 8 : 0) : channels + 4;
    float* weights = shared_memory<float>();
    float* source = weights + WEIGHT_STAGES * RIGHT_LEN;
    {
        int wide = pixel_len / 4, count = (lines * sources_x + 1) * wide;
        const float* from = args.source + static_cast<long long>(first_line) * sources_x * c_source;
        for (int i = thread(); i < count; i += COUNT) {
            int pixel = i / wide, channel = i % wide * 4;
            bool there = pixel > 0 && channel < c_source;
            copy_async<16>(source + 4 * i, there ? from + static_cast<long long>(pixel - 1) * c_source + channel : args.source, there);
        }
    }

    // The weights' way: phase, tap, channels.
    int next_phase = phase0, next_channel = 0, next_tap_y = 0, next_tap_x = 0;
    auto load = [&](int stage) {
        if (next_phase >= phase1) return;
        Walk next_y = phase_y(next_phase), next_x = phase_x(next_phase);
        float* to = weights + stage * RIGHT_LEN;
        int tap = 3 * (next_y.tap_first + next_y.tap_step * next_tap_y) + next_x.tap_first + next_x.tap_step * next_tap_x;
#pragma unroll
        for (int i = 0; i < CHUNK * COLUMNS / 4 / COUNT; i++) {
            int number = thread() + COUNT * i;
            if constexpr (TURNED) {
                int column = number / (CHUNK / 4), k = number % (CHUNK / 4) * 4;
                bool there = next_channel + k < c_source && column0 + column < c_target;
                int place = (tap * c_target + column0 + column) * c_source + next_channel + k;
                copy_async<16>(to + column * CHUNK + (k / 8 ^ column % 4) * 8 + k % 8, args.weights + (there ? place : 0), there);
            } else {
                int k = number / (COLUMNS / 4), column = number % (COLUMNS / 4) * 4;
                bool there = next_channel + k < c_source && column0 + column < c_target;
                int place = (tap * c_source + next_channel + k) * c_target + column0 + column;
                copy_async<16>(to + k * RIGHT_ROW + column, args.weights + (there ? place : 0), there);
            }
        }
        next_channel += CHUNK;
        if (next_channel < c_source) return;
        next_channel = 0;
        if (++next_tap_x < next_x.taps) return;
        next_tap_x = 0;
        if (++next_tap_y < next_y.taps) return;
        next_tap_y = 0;
        next_phase++;
    };
#pragma unroll
    for (int stage = 0; stage < WEIGHT_STAGES - 1; stage++) {
        load(stage);
        copy_commit();
    }

    // The rows that a lane reads: the source's pixel of target 0, tap 0 would be at these.
    using Product = Tile<TERMS, COLUMNS, SIDES>;
    const int g = Product::lane() / 4, q = Product::lane() % 4;
    int at_y[4], at_x[4], at_pixel[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int row = row0 + Product::row(i), line = row / targets_x, image = line / targets_y;
        at_y[i] = row < rows ? step * (line - image * targets_y) : -(1 << 20);
        at_x[i] = step * (row - line * targets_x);
        at_pixel[i] = ((image * sources_y - first_line) + at_y[i]) * sources_x + at_x[i] + 1;
    }

    int stage = 0;
    for (int phase = phase0; phase < phase1; phase++) {
        Walk y = phase_y(phase), x = phase_x(phase);
        Product product;
        product.clear();
        for (int tap_y = 0; tap_y < y.taps; tap_y++)
            for (int tap_x = 0; tap_x < x.taps; tap_x++) {
                const int shift_y = y.source_first + y.reach * tap_y, shift_x = x.source_first + x.reach * tap_x;
                int left[4];
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    int source_y = at_y[i] + shift_y, source_x = at_x[i] + shift_x;
                    bool there = static_cast<unsigned>(source_y) < static_cast<unsigned>(sources_y) &&
                                 static_cast<unsigned>(source_x) < static_cast<unsigned>(sources_x);
                    left[i] = (there ? at_pixel[i] + shift_y * sources_x + shift_x : 0) * pixel_len + 2 * q;
                }
                for (int channel = 0; channel < c_source; channel += CHUNK) {
                    copy_wait<WEIGHT_STAGES - 2>();
                    sync();
                    load(stage == 0 ? WEIGHT_STAGES - 1 : stage - 1);
                    copy_commit();
                    const float* right = weights + stage * RIGHT_LEN;
                    // What a tensor core takes for numbers q and q + 4 of eight are 2 q and 2 q + 1, of both matrices.
                    product.add_chunk(c_source - channel, [&](int k, float(&a)[2][4], float(&b)[Product::ACROSS][2]) {
#pragma unroll
                        for (int m = 0; m < 2; m++)
#pragma unroll
                            for (int half = 0; half < 2; half++) {
                                float2 two = *reinterpret_cast<const float2*>(source + left[2 * m + half] + channel + k);
                                a[m][half] = two.x, a[m][2 + half] = two.y;
                            }
#pragma unroll
                        for (int n = 0; n < Product::ACROSS; n++) {
                            int column = Product::first_column() + 8 * n + g;
                            if constexpr (TURNED) {
                                float2 two = *reinterpret_cast<const float2*>(
                                    right + column * CHUNK + (k / 8 ^ column % 4) * 8 + 2 * q);
                                b[n][0] = two.x, b[n][1] = two.y;
                            } else {
                                const float* of = right + (k + 2 * q) * RIGHT_ROW + column;
                                b[n][0] = of[0], b[n][1] = of[RIGHT_ROW];
                            }
                        }
                    });
                    if (++stage == WEIGHT_STAGES) stage = 0;
                }
            }
        Targets targets(args);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int row = row0 + Product::row(i), line = row / targets_x, image = line / targets_y;
            int in_y = line - image * targets_y, in_x = row - line * targets_x;
            if (row < rows && in_y < y.targets && in_x < x.targets)
                targets.set(i, 0, y, x, image, in_y, in_x);
            else
                targets.none(i);
        }
        targets.write<true>(product, column0);
    }
    copy_wait<0>();
}

#define RESIDENT(name, blocks, terms, down, sides, ...) \
    KERNEL_OF(32 * down * sides, blocks) resident_##name(const GatherArgs args) { resident<terms, __VA_ARGS__>(args); }
#define RESIDENT_ALL(precision, terms, blocks)                                        \
    RESIDENT(precision##_64, blocks + 0, terms, 4, 2, 64, 4, 2, false)                    \
    RESIDENT(precision##_32, blocks + 0, terms, 8, 1, 32, 8, 1, false)                    \
    RESIDENT(precision##_64_turned, blocks + 0, terms, 4, 2, 64, 4, 2, true)              \
    RESIDENT(precision##_32_turned, blocks + 0, terms, 8, 1, 32, 8, 1, true)              \
    RESIDENT(precision##_64_small, blocks + 1, terms, 2, 2, 64, 2, 2, false)              \
    RESIDENT(precision##_32_small, blocks + 1, terms, 4, 1, 32, 4, 1, false)              \
    RESIDENT(precision##_64_small_turned, blocks + 1, terms, 2, 2, 64, 2, 2, true)        \
    RESIDENT(precision##_32_small_turned, blocks + 1, terms, 4, 1, 32, 4, 1, true)

RESIDENT_ALL(tf32, 1, 2)
RESIDENT_ALL(f32, 3, 1)
