// The gradient of a layer's weights: for each tap, the sum over all joined pixels of channel times channel.
//
// A product of matrices: a row is a tap and a channel of the large side, a column a channel of the small side, and what is
// summed over is a small pixel of an image. Several blocks share the sum and leave parts, which are added in their order
// later. The gradient of the bias is the sum of one side's rows or columns, and comes on the way.
#include "join.h"
#include "product.h"

struct WeightGradientArgs {
    const float* large;  // [images, large pixels, c_large]
    const float* small;  // [images, small pixels, c_small]
    float* weights;      // [parts, taps, c_large, c_small], or [parts, taps, c_small, c_large] if `up`
    float* sums;         // of the layer's own side: [parts, taps * c_large] if `up`, else [parts, c_small]; or none
    Join join;
    int images, c_large, c_small;
    int up;         // the layer goes from the small side to the large one
    int row_tiles;  // and what is left of the block's number is the column tile
    int parts;      // blocks that share a sum
};

// A pixel of a batch of images.
struct Pixel {
    int x, y, image;

    DEVICE Pixel() {}

    DEVICE Pixel(int number, int height, int width) {
        int line = number / width;
        x = number - line * width;
        image = line / height;
        y = line - image * height;
    }

    DEVICE void advance(const Pixel& step, int height, int width) {
        x += step.x;
        y += step.y;
        image += step.image;
        if (x >= width) x -= width, y++;
        if (y >= height) y -= height, image++;
    }
};

template <int TERMS, int COLUMNS, int WIDE>
DEVICE void weight_gradient(const WeightGradientArgs& args) {
    constexpr int LEFT_ROW = ROWS + 8, RIGHT_ROW = COLUMNS + 8;  // keep the lanes of a warp on different banks
    constexpr int LEFT_LEN = CHUNK * LEFT_ROW, STAGE = LEFT_LEN + CHUNK * RIGHT_ROW;
    constexpr int ACROSS = ROWS / WIDE, DOWN = THREADS / ACROSS, MINE = CHUNK / DOWN;
    float* memory = shared_memory<float>();

    const int c_large = args.c_large, c_small = args.c_small;
    const Axis &y = args.join.y, &x = args.join.x;
    int row0 = block_x() % args.row_tiles * ROWS, column0 = block_x() / args.row_tiles * COLUMNS;
    int rows = y.kernel * x.kernel * c_large;
    int depth = args.images * y.small * x.small;
    int chunks = (depth + CHUNK - 1) / CHUNK;
    int first = static_cast<int>(static_cast<long long>(chunks) * block_y() / args.parts);
    int last = static_cast<int>(static_cast<long long>(chunks) * (block_y() + 1) / args.parts);

    int along = thread() % ACROSS * WIDE, below = thread() / ACROSS;
    int row = row0 + along, tap = row / c_large, channel = row % c_large;
    int reach_y = tap / x.kernel - y.pad, reach_x = tap % x.kernel - x.pad;

    // The small pixels whose large ones this thread copies, and how far it is to those of the next chunk.
    Pixel at[MINE];
#pragma unroll
    for (int i = 0; i < MINE; i++) at[i] = Pixel(first * CHUNK + below + DOWN * i, y.small, x.small);
    Pixel step(CHUNK, y.small, x.small);
    int next_pixel = first * CHUNK;

    auto load = [&](int stage) {
        float* left = memory + stage * STAGE;
        float* right = left + LEFT_LEN;
#pragma unroll
        for (int i = 0; i < MINE; i++) {
            int k = below + DOWN * i;
            int large_x = x.stride * at[i].x + reach_x, large_y = y.stride * at[i].y + reach_y;
            bool there = row < rows && at[i].image < args.images &&
                         static_cast<unsigned>(large_y) < static_cast<unsigned>(y.large) &&
                         static_cast<unsigned>(large_x) < static_cast<unsigned>(x.large);
            long long place = (static_cast<long long>(at[i].image) * y.large + large_y) * x.large + large_x;
            copy_async<4 * WIDE>(left + k * LEFT_ROW + along, there ? args.large + place * c_large + channel : args.large, there);
            at[i].advance(step, y.small, x.small);
        }
        constexpr int WIDTH = COLUMNS / WIDE, HEIGHT = THREADS / WIDTH;
        int column = thread() % WIDTH * WIDE;
#pragma unroll
        for (int i = 0; i < (CHUNK + HEIGHT - 1) / HEIGHT; i++) {
            int k = thread() / WIDTH + HEIGHT * i;
            int pixel = next_pixel + k;
            bool there = k < CHUNK && pixel < depth && column0 + column < c_small;
            long long place = static_cast<long long>(pixel) * c_small + column0 + column;
            if (k < CHUNK) copy_async<4 * WIDE>(right + k * RIGHT_ROW + column, there ? args.small + place : args.small, there);
        }
        next_pixel += CHUNK;
    };

    // Of one warp in each line of warps, a lane sums a row or a column.
    bool sums_rows = args.sums && args.up && column0 == 0 && thread() / 32 % 2 == 0;
    bool sums_columns = args.sums && !args.up && row0 == 0 && thread() / 64 == 0;
    float sums[4] = {};

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
        product.add([&](int row, int k) { return left[k * LEFT_ROW + row]; },
                    [&](int k, int column) { return right[k * RIGHT_ROW + column]; });
        int lane = thread() % 32;
        if (sums_rows) {
            int in_tile = product.first_row() + lane;
#pragma unroll
            for (int k = 0; k < CHUNK; k++) sums[k % 4] += left[k * LEFT_ROW + in_tile];
        }
        if (sums_columns && lane < COLUMNS / 2) {
            int in_tile = product.first_column() + lane;
#pragma unroll
            for (int k = 0; k < CHUNK; k++) sums[k % 4] += right[k * RIGHT_ROW + in_tile];
        }
        if (++stage == STAGES) stage = 0;
    }
    copy_wait<0>();
    int lane = thread() % 32;
    float sum = sums[0] + sums[1] + (sums[2] + sums[3]);
    int summed_row = row0 + product.first_row() + lane, summed_column = column0 + product.first_column() + lane;
    if (sums_rows && summed_row < rows) args.sums[static_cast<long long>(block_y()) * rows + summed_row] = sum;
    if (sums_columns && lane < COLUMNS / 2 && summed_column < c_small)
        args.sums[static_cast<long long>(block_y()) * c_small + summed_column] = sum;

    float* weights = args.weights + static_cast<long long>(block_y()) * rows * c_small;
    product.each_pair([&](int i, int n, float one, float two) {
        int row = row0 + product.row(i);
        if (row >= rows) return;
        float values[2] = {one, two};
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int column = column0 + product.column(n) + i;
            if (column >= c_small) return;
            long long place = args.up ? (static_cast<long long>(row / c_large) * c_small + column) * c_large + row % c_large
                                      : static_cast<long long>(row) * c_small + column;
            weights[place] = values[i];
        }
    });
}

#define WEIGHT_GRADIENT(name, ...) \
    KERNEL(THREADS) weight_gradient_##name(const WeightGradientArgs args) { weight_gradient<__VA_ARGS__>(args); }
#define WEIGHT_GRADIENT_ALL(precision, terms)   \
    WEIGHT_GRADIENT(precision##_64, terms, 64, 4) \
    WEIGHT_GRADIENT(precision##_32, terms, 32, 4) \
    WEIGHT_GRADIENT(precision##_any, terms, 32, 1)

WEIGHT_GRADIENT_ALL(tf32, 1)
WEIGHT_GRADIENT_ALL(f32, 3)
