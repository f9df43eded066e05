// A layer, forwards or backwards: every target pixel gathers, tap by tap, the source pixels that reach it.
//
// A product of matrices whose left one is never made: a row is a target pixel, a column a channel of the target, and what is
// summed over is a tap and a channel of the source. A block makes a tile of it; where there are few tiles, several blocks
// share the sum and leave parts.
#include "target.h"

constexpr int LEFT_ROW = CHUNK + 4;  // keeps the lanes of a warp on different banks
template <int COLUMNS>
constexpr int RIGHT_ROW = COLUMNS + 8;

template <int COLUMNS, bool TURNED>
constexpr int RIGHT_LEN = TURNED ? COLUMNS * LEFT_ROW : CHUNK * RIGHT_ROW<COLUMNS>;

// A place along the sum: a tap and a channel.
struct Along {
    int channel, tap_x, tap_y;

    DEVICE Along() {}

    DEVICE Along(int depth, int channels, int taps_x) {
        int tap = depth / channels;
        channel = depth - tap * channels;
        tap_y = tap / taps_x;
        tap_x = tap - tap_y * taps_x;
    }

    DEVICE void advance(const Along& step, int channels, int taps_x) {
        channel += step.channel;
        tap_x += step.tap_x;
        tap_y += step.tap_y;
        if (channel >= channels) channel -= channels, tap_x++;
        if (tap_x >= taps_x) tap_x -= taps_x, tap_y++;
    }
};

// WIDE numbers, 1 or 4, are copied at once.
template <int TERMS, int COLUMNS, int WIDE, bool TURNED>
DEVICE void gather(const GatherArgs& args) {
    constexpr int LEFT_LEN = ROWS * LEFT_ROW, STAGE = LEFT_LEN + RIGHT_LEN<COLUMNS, TURNED>;
    constexpr int ACROSS = CHUNK / WIDE;              // threads side by side along a chunk
    constexpr int DOWN = THREADS / ACROSS;            // and below each other
    constexpr int MINE = ROWS / DOWN;                 // rows that a thread copies of
    float* memory = shared_memory<float>();

    const int c_source = args.c_source, c_target = args.c_target;
    int phase = block_x() / args.row_tiles, tile = block_x() % args.row_tiles;
    const Join& join = args.join;
    Walk y = args.up ? walk_up(join.y, phase / join.x.stride) : walk_down(join.y);
    Walk x = args.up ? walk_up(join.x, phase % join.x.stride) : walk_down(join.x);
    int rows = args.images * y.targets * x.targets;
    int row0 = tile * ROWS, column0 = block_y() * COLUMNS;
    if (row0 >= rows) return;

    int depth = y.taps * x.taps * c_source;
    int chunks = (depth + CHUNK - 1) / CHUNK;
    int first = static_cast<int>(static_cast<long long>(chunks) * block_z() / args.parts);
    int last = static_cast<int>(static_cast<long long>(chunks) * (block_z() + 1) / args.parts);

    // Where this thread's rows begin, and where it is along the sum.
    int along = thread() % ACROSS * WIDE, below = thread() / ACROSS;
    const float* origin[MINE];
    int source_y[MINE], source_x[MINE];
#pragma unroll
    for (int i = 0; i < MINE; i++) {
        int row = row0 + below + DOWN * i;
        int target_x = row % x.targets, rest = row / x.targets;
        source_y[i] = row < rows ? y.source_first + y.source_step * (rest % y.targets) : -(1 << 20);
        source_x[i] = x.source_first + x.source_step * target_x;
        long long pixel = (static_cast<long long>(rest / y.targets) * y.sources + source_y[i]) * x.sources + source_x[i];
        origin[i] = args.source + (row < rows ? pixel * c_source : 0);
    }
    Along left_along(first * CHUNK + along, c_source, x.taps);
    constexpr int WIDTH = COLUMNS / WIDE, HEIGHT = THREADS / WIDTH, RIGHTS = (CHUNK + HEIGHT - 1) / HEIGHT;
    Along right_along[RIGHTS];
#pragma unroll
    for (int i = 0; i < RIGHTS; i++) right_along[i] = Along(first * CHUNK + thread() / WIDTH + HEIGHT * i, c_source, x.taps);
    Along step(CHUNK, c_source, x.taps);
    auto filter_tap = [&](const Along& at) {
        return (y.tap_first + y.tap_step * at.tap_y) * join.x.kernel + x.tap_first + x.tap_step * at.tap_x;
    };

    auto load = [&](int stage) {
        float* left = memory + stage * STAGE;
        float* right = left + LEFT_LEN;
        bool inside = left_along.tap_y < y.taps;
        int shift_y = y.reach * left_along.tap_y, shift_x = x.reach * left_along.tap_x;
        int shift = (shift_y * x.sources + shift_x) * c_source + left_along.channel;
#pragma unroll
        for (int i = 0; i < MINE; i++) {
            bool there = inside && static_cast<unsigned>(source_y[i] + shift_y) < static_cast<unsigned>(y.sources) &&
                         static_cast<unsigned>(source_x[i] + shift_x) < static_cast<unsigned>(x.sources);
            copy_async<4 * WIDE>(left + (below + DOWN * i) * LEFT_ROW + along, there ? origin[i] + shift : args.source, there);
        }
        if constexpr (TURNED) {
            // A row is a column of the product, and lies along the sum.
            int tap = filter_tap(left_along);
            const float* weights =
                args.weights + (static_cast<long long>(tap) * c_target + column0) * c_source + left_along.channel;
#pragma unroll
            for (int i = 0; i < (COLUMNS + DOWN - 1) / DOWN; i++) {
                int column = below + DOWN * i;
                bool there = inside && column0 + column < c_target;
                if (column < COLUMNS)
                    copy_async<4 * WIDE>(right + column * LEFT_ROW + along,
                                         there ? weights + static_cast<long long>(column) * c_source : args.weights, there);
            }
        } else {
            int column = thread() % WIDTH * WIDE;
#pragma unroll
            for (int i = 0; i < RIGHTS; i++) {
                int k = thread() / WIDTH + HEIGHT * i;
                Along& at = right_along[i];
                bool there = at.tap_y < y.taps && column0 + column < c_target;
                long long place =
                    (static_cast<long long>(filter_tap(at)) * c_source + at.channel) * c_target + column0 + column;
                if (k < CHUNK)
                    copy_async<4 * WIDE>(right + k * RIGHT_ROW<COLUMNS> + column, there ? args.weights + place : args.weights,
                                         there);
                at.advance(step, c_source, x.taps);
            }
        }
        left_along.advance(step, c_source, x.taps);
    };

    Tile<TERMS, COLUMNS> product;
    product.clear();
#pragma unroll
    for (int stage = 0; stage < STAGES - 1; stage++) {
        if (first + stage < last) load(stage);
        copy_commit();
    }
    int stage = 0;
    for (int chunk = first; chunk < last; chunk++) {
        copy_wait<STAGES - 2>();
        sync();
        int ahead = chunk + STAGES - 1;
        if (ahead < last) load(stage == 0 ? STAGES - 1 : stage - 1);
        copy_commit();
        const float* left = memory + stage * STAGE;
        const float* right = left + LEFT_LEN;
        product.add([&](int row, int k) { return left[row * LEFT_ROW + k]; },
                    [&](int k, int column) {
                        return TURNED ? right[column * LEFT_ROW + k] : right[k * RIGHT_ROW<COLUMNS> + column];
                    });
        if (++stage == STAGES) stage = 0;
    }
    copy_wait<0>();

    Targets targets(args);
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int row = row0 + product.row(i), rest = row / x.targets;
        if (row < rows)
            targets.set(i, block_z(), y, x, rest / y.targets, rest % y.targets, row % x.targets);
        else
            targets.none(i);
    }
    targets.write<WIDE == 4>(product, column0);
}

#define GATHER(name, ...) \
    KERNEL(THREADS) gather_##name(const GatherArgs args) { gather<__VA_ARGS__>(args); }
#define GATHER_ALL(precision, terms)                    \
    GATHER(precision##_64, terms, 64, 4, false)         \
    GATHER(precision##_32, terms, 32, 4, false)         \
    GATHER(precision##_64_turned, terms, 64, 4, true)   \
    GATHER(precision##_32_turned, terms, 32, 4, true)   \
    GATHER(precision##_any, terms, 32, 1, false)        \
    GATHER(precision##_any_turned, terms, 32, 1, true)

GATHER_ALL(tf32, 1)
GATHER_ALL(f32, 3)
