// Layers one side of which has few channels, as an image has: the first and the last.
//
// The side of few channels is the large one. A warp goes along rows of the small side, each thread with a few of its channels,
// and has the window of nine large pixels in registers: a step to the right reads what is new in it.
#include "join.h"

constexpr int NARROW_THREADS = 256;
constexpr int NARROW_CHANNELS = 32;  // of the small side, for a block
constexpr int NARROW_PARTS = 512;    // blocks that share a gradient of weights

struct NarrowArgs {
    const float* large;    // [images, large pixels, CHANNELS]
    const float* small;    // [images, small pixels, channels], or none: it is made
    float* target;         // it, or parts of the gradient of the weights
    float* sums;           // parts of the gradient of the bias: [parts, channels], or [parts, CHANNELS] if `up`
    const float* weights;  // [9, CHANNELS, channels], or [9, channels, CHANNELS] if `up`
    const float* bias;     // [channels], or none
    const float* gate;     // as the small side, or none: where it is not above zero, what is made is zero
    Join join;             // 3 x 3
    int images, channels;
    int up;  // the layer goes from the small side to the large one
    int relu, rounded;
};

// Small channels of a thread, so that its weights fit in registers.
template <int CHANNELS>
constexpr int EACH = CHANNELS == 1 ? 4 : CHANNELS == 2 ? 2 : 1;
template <int CHANNELS>
constexpr int NARROW_ACROSS = NARROW_CHANNELS / EACH<CHANNELS>;
// Rows of the small side that a block goes along at once.
template <int CHANNELS>
constexpr int NARROW_DOWN = NARROW_THREADS / NARROW_ACROSS<CHANNELS>;

template <int CHANNELS>
struct Window {
    float pixels[3][3][CHANNELS];
    const float* rows[3];  // or none, above and below the image
    int width, stride, next;

    DEVICE Window(const NarrowArgs& args, int row) {
        const Axis &y = args.join.y, &x = args.join.x;
        int image = row / y.small, top = row % y.small * y.stride - y.pad;
#pragma unroll
        for (int i = 0; i < 3; i++) {
            bool there = top + i >= 0 && top + i < y.large;
            long long line = static_cast<long long>(image) * y.large + top + i;
            rows[i] = there ? args.large + line * x.large * CHANNELS : nullptr;
        }
        width = x.large;
        stride = x.stride;
        next = -x.pad;
        // All but what the first step reads.
#pragma unroll
        for (int j = 0; j < 3; j++) {
            if (j < 3 - stride) read(j + stride, next);
            if (j < 3 - stride) next++;
        }
    }

    // Column `j` from the image's column `column`.
    DEVICE void read(int j, int column) {
        bool there = column >= 0 && column < width;
#pragma unroll
        for (int i = 0; i < 3; i++)
#pragma unroll
            for (int c = 0; c < CHANNELS; c++) {
                float value = there && rows[i] ? rows[i][column * CHANNELS + c] : 0.f;
#pragma unroll
                for (int to = 0; to < 3; to++)
                    if (j == to) pixels[i][to][c] = value;
            }
    }

    // To the next small pixel.
    DEVICE void step() {
#pragma unroll
        for (int i = 0; i < 3; i++)
#pragma unroll
            for (int c = 0; c < CHANNELS; c++) {
                pixels[i][0][c] = stride == 1 ? pixels[i][1][c] : pixels[i][2][c];
                if (stride == 1) pixels[i][1][c] = pixels[i][2][c];
            }
        if (stride == 2) read(1, next++);
        read(2, next++);
    }
};

template <int CHANNELS>
DEVICE void narrow_gather(const NarrowArgs& args) {
    constexpr int each = EACH<CHANNELS>;
    int channel = block_y() * NARROW_CHANNELS + thread() % NARROW_ACROSS<CHANNELS> * each;
    int row = block_x() * NARROW_DOWN<CHANNELS> + thread() / NARROW_ACROSS<CHANNELS>;
    const int channels = args.channels, width = args.join.x.small;
    if (channel >= channels || row >= args.images * args.join.y.small) return;
    float weights[9][CHANNELS][each], bias[each];
#pragma unroll
    for (int i = 0; i < each; i++) {
        int own = channel + i < channels ? channel + i : channel;
        bias[i] = args.bias ? args.bias[own] : 0.f;
#pragma unroll
        for (int tap = 0; tap < 9; tap++)
#pragma unroll
            for (int c = 0; c < CHANNELS; c++)
                weights[tap][c][i] = args.weights[args.up ? (tap * channels + own) * CHANNELS + c : (tap * CHANNELS + c) * channels + own];
    }
    Window<CHANNELS> window(args, row);
    long long place = static_cast<long long>(row) * width * channels + channel;
    bool whole = channels % each == 0;
#pragma unroll 2
    for (int x = 0; x < width; x++, place += channels) {
        window.step();
        float gates[each], sum[each];
#pragma unroll
        for (int i = 0; i < each; i++) gates[i] = 1.f, sum[i] = bias[i];
        if (args.gate) {
            if (each == 4 && whole) {
                float4 gate = *reinterpret_cast<const float4*>(args.gate + place);
                gates[0] = gate.x, gates[each > 1 ? 1 : 0] = gate.y, gates[each > 2 ? 2 : 0] = gate.z, gates[each - 1] = gate.w;
            } else {
#pragma unroll
                for (int i = 0; i < each; i++)
                    if (channel + i < channels) gates[i] = args.gate[place + i];
            }
        }
#pragma unroll
        for (int tap = 0; tap < 9; tap++)
#pragma unroll
            for (int c = 0; c < CHANNELS; c++)
#pragma unroll
                for (int i = 0; i < each; i++) sum[i] += window.pixels[tap / 3][tap % 3][c] * weights[tap][c][i];
#pragma unroll
        for (int i = 0; i < each; i++) {
            if (args.relu) sum[i] = sum[i] < 0.f ? 0.f : sum[i];
            sum[i] = gates[i] <= 0.f ? 0.f : sum[i];
            if (args.rounded) sum[i] = to_tf32(sum[i]);
        }
        if (each == 4 && whole) {
            *reinterpret_cast<float4*>(args.target + place) =
                float4{sum[0], sum[each > 1 ? 1 : 0], sum[each > 2 ? 2 : 0], sum[each - 1]};
        } else {
#pragma unroll
            for (int i = 0; i < each; i++)
                if (channel + i < channels) args.target[place + i] = sum[i];
        }
    }
}

template <int CHANNELS>
DEVICE void narrow_weight_gradient(const NarrowArgs& args) {
    constexpr int each = EACH<CHANNELS>, DOWN = NARROW_DOWN<CHANNELS>;
    float* memory = shared_memory<float>();  // [9 * CHANNELS + 1, DOWN, NARROW_CHANNELS]
    int in_block = thread() % NARROW_ACROSS<CHANNELS> * each, line = thread() / NARROW_ACROSS<CHANNELS>;
    int channel = block_y() * NARROW_CHANNELS + in_block;
    const int channels = args.channels, width = args.join.x.small;
    int rows = args.images * args.join.y.small;
    float gradient[9][CHANNELS][each], sums[each], middles[CHANNELS];
#pragma unroll
    for (int c = 0; c < CHANNELS; c++) {
        middles[c] = 0.f;
#pragma unroll
        for (int tap = 0; tap < 9; tap++)
#pragma unroll
            for (int i = 0; i < each; i++) gradient[tap][c][i] = 0.f;
    }
#pragma unroll
    for (int i = 0; i < each; i++) sums[i] = 0.f;
    bool whole = channels % each == 0;
    if (channel < channels)
        for (int row = block_x() * DOWN + line; row < rows; row += NARROW_PARTS * DOWN) {
            Window<CHANNELS> window(args, row);
            const float* small = args.small + static_cast<long long>(row) * width * channels + channel;
#pragma unroll 2
            for (int x = 0; x < width; x++, small += channels) {
                window.step();
                float value[each];
                if (each == 4 && whole) {
                    float4 four = *reinterpret_cast<const float4*>(small);
                    value[0] = four.x, value[each > 1 ? 1 : 0] = four.y, value[each > 2 ? 2 : 0] = four.z, value[each - 1] = four.w;
                } else {
#pragma unroll
                    for (int i = 0; i < each; i++) value[i] = channel + i < channels ? small[i] : 0.f;
                }
#pragma unroll
                for (int i = 0; i < each; i++) sums[i] += value[i];
#pragma unroll
                for (int c = 0; c < CHANNELS; c++) {
                    middles[c] += window.pixels[1][1][c];
#pragma unroll
                    for (int tap = 0; tap < 9; tap++)
#pragma unroll
                        for (int i = 0; i < each; i++) gradient[tap][c][i] += window.pixels[tap / 3][tap % 3][c] * value[i];
                }
            }
        }
    auto at = [&](int what, int of_line, int of_channel) -> float& {
        return memory[(what * DOWN + of_line) * NARROW_CHANNELS + of_channel];
    };
#pragma unroll
    for (int i = 0; i < each; i++) {
#pragma unroll
        for (int tap = 0; tap < 9; tap++)
#pragma unroll
            for (int c = 0; c < CHANNELS; c++) at(tap * CHANNELS + c, line, in_block + i) = gradient[tap][c][i];
        at(9 * CHANNELS, line, in_block + i) = sums[i];
    }
    sync();
    // A bias of the large side is the sum of its pixels, each of which is once in the middle of a window.
    if (args.up && in_block == 0)
#pragma unroll
        for (int c = 0; c < CHANNELS; c++) at(9 * CHANNELS, line, c) = middles[c];
    sync();
    long long part = block_x();
    for (int i = thread(); i < (9 * CHANNELS + 1) * NARROW_CHANNELS; i += NARROW_THREADS) {
        int what = i / NARROW_CHANNELS, of_channel = i % NARROW_CHANNELS, own = block_y() * NARROW_CHANNELS + of_channel;
        float sum = 0.f;
        for (int of_line = 0; of_line < DOWN; of_line++) sum += at(what, of_line, of_channel);
        if (what == 9 * CHANNELS) {
            if (args.up && block_y() == 0 && of_channel < CHANNELS) args.sums[part * CHANNELS + of_channel] = sum;
            if (!args.up && own < channels) args.sums[part * channels + own] = sum;
        } else if (own < channels) {
            int tap = what / CHANNELS, c = what % CHANNELS;
            long long place = args.up ? static_cast<long long>(tap * channels + own) * CHANNELS + c
                                      : static_cast<long long>(tap * CHANNELS + c) * channels + own;
            args.target[part * 9 * CHANNELS * channels + place] = sum;
        }
    }
}

#define NARROW(channels)                                                                                                   \
    KERNEL(NARROW_THREADS) narrow_gather_##channels(const NarrowArgs args) { narrow_gather<channels>(args); }                \
    KERNEL(NARROW_THREADS) narrow_weight_gradient_##channels(const NarrowArgs args) { narrow_weight_gradient<channels>(args); }
NARROW(1)
NARROW(2)
NARROW(3)
NARROW(4)
