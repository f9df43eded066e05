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
    float* back;           // the gradient by the small side, zero where that is not above zero; or none
    const float* weights;  // [9, CHANNELS, channels], or [9, channels, CHANNELS] if `up`
    const float* bias;     // [channels], or none
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
                float value = there && rows[i] ? read_only(rows[i] + column * CHANNELS + c) : 0.f;
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

// What a thread has of the channels of a small pixel.
template <int EACH_>
struct Few {
    float values[EACH_];

    // `count` of them, which is EACH_ in most layers.
    DEVICE void read(const float* from, int count) {
        if (EACH_ == 4 && count == 4 && aligned(from)) {
            float4 four = read_only(reinterpret_cast<const float4*>(from));
            values[0] = four.x, values[EACH_ > 1 ? 1 : 0] = four.y, values[EACH_ > 2 ? 2 : 0] = four.z, values[EACH_ - 1] = four.w;
        } else {
#pragma unroll
            for (int i = 0; i < EACH_; i++) values[i] = i < count ? read_only(from + i) : 0.f;
        }
    }

    DEVICE void write(float* to, int count) const {
        if (EACH_ == 4 && count == 4 && aligned(to)) {
            *reinterpret_cast<float4*>(to) =
                float4{values[0], values[EACH_ > 1 ? 1 : 0], values[EACH_ > 2 ? 2 : 0], values[EACH_ - 1]};
        } else {
#pragma unroll
            for (int i = 0; i < EACH_; i++)
                if (i < count) to[i] = values[i];
        }
    }

    static DEVICE bool aligned(const float* at) { return reinterpret_cast<unsigned long long>(at) % 16 == 0; }
};

// The weights of a thread's channels, and what they make of a window.
template <int CHANNELS>
struct NarrowWeights {
    static constexpr int each = EACH<CHANNELS>;
    float weights[9][CHANNELS][each];

    DEVICE NarrowWeights(const NarrowArgs& args, int channel) {
        const int channels = args.channels;
#pragma unroll
        for (int i = 0; i < each; i++) {
            int own = channel + i < channels ? channel + i : channel;
#pragma unroll
            for (int tap = 0; tap < 9; tap++)
#pragma unroll
                for (int c = 0; c < CHANNELS; c++)
                    weights[tap][c][i] = args.weights[args.up ? (tap * channels + own) * CHANNELS + c
                                                              : (tap * CHANNELS + c) * channels + own];
        }
    }

    DEVICE void add(const Window<CHANNELS>& window, Few<each>& sum) const {
#pragma unroll
        for (int tap = 0; tap < 9; tap++)
#pragma unroll
            for (int c = 0; c < CHANNELS; c++)
#pragma unroll
                for (int i = 0; i < each; i++) sum.values[i] += window.pixels[tap / 3][tap % 3][c] * weights[tap][c][i];
    }
};

template <int CHANNELS>
DEVICE void narrow_gather(const NarrowArgs& args) {
    constexpr int each = EACH<CHANNELS>;
    int channel = block_y() * NARROW_CHANNELS + thread() % NARROW_ACROSS<CHANNELS> * each;
    int row = block_x() * NARROW_DOWN<CHANNELS> + thread() / NARROW_ACROSS<CHANNELS>;
    const int channels = args.channels, width = args.join.x.small;
    if (channel >= channels || row >= args.images * args.join.y.small) return;
    NarrowWeights<CHANNELS> weights(args, channel);
    Few<each> bias;
#pragma unroll
    for (int i = 0; i < each; i++) bias.values[i] = args.bias && channel + i < channels ? args.bias[channel + i] : 0.f;
    Window<CHANNELS> window(args, row);
    float* target = args.target + static_cast<long long>(row) * width * channels + channel;
#pragma unroll 4
    for (int x = 0; x < width; x++, target += channels) {
        window.step();
        Few<each> sum = bias;
        weights.add(window, sum);
#pragma unroll
        for (int i = 0; i < each; i++) {
            if (args.relu) sum.values[i] = sum.values[i] < 0.f ? 0.f : sum.values[i];
            if (args.rounded) sum.values[i] = to_tf32(sum.values[i]);
        }
        sum.write(target, channels - channel < each ? channels - channel : each);
    }
}

// The gradient of the weights; and if BACK, that by the small side, of which the same windows and pixels are read.
template <int CHANNELS, bool BACK>
DEVICE void narrow_weight_gradient(const NarrowArgs& args) {
    constexpr int each = EACH<CHANNELS>, DOWN = NARROW_DOWN<CHANNELS>;
    constexpr int AHEAD = 4;  // small pixels that are read before the first of them is used
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
    if (channel < channels) {
        int count = channels - channel < each ? channels - channel : each;
        NarrowWeights<CHANNELS> weights(args, channel);
        for (int row = block_x() * DOWN + line; row < rows; row += NARROW_PARTS * DOWN) {
            Window<CHANNELS> window(args, row);
            long long place = static_cast<long long>(row) * width * channels + channel;
            for (int x = 0; x < width; x += AHEAD) {
                Few<each> values[AHEAD];
#pragma unroll
                for (int ahead = 0; ahead < AHEAD; ahead++)
                    values[ahead].read(args.small + place + static_cast<long long>(ahead) * channels, x + ahead < width ? count : 0);
#pragma unroll
                for (int ahead = 0; ahead < AHEAD; ahead++, place += channels) {
                    if (x + ahead >= width) break;
                    window.step();
                    const Few<each>& value = values[ahead];
#pragma unroll
                    for (int i = 0; i < each; i++) sums[i] += value.values[i];
#pragma unroll
                    for (int c = 0; c < CHANNELS; c++) {
                        middles[c] += window.pixels[1][1][c];
#pragma unroll
                        for (int tap = 0; tap < 9; tap++)
#pragma unroll
                            for (int i = 0; i < each; i++)
                                gradient[tap][c][i] += window.pixels[tap / 3][tap % 3][c] * value.values[i];
                    }
                    if constexpr (BACK) {
                        Few<each> back = {};
                        weights.add(window, back);
#pragma unroll
                        for (int i = 0; i < each; i++) {
                            back.values[i] = value.values[i] <= 0.f ? 0.f : back.values[i];
                            if (args.rounded) back.values[i] = to_tf32(back.values[i]);
                        }
                        back.write(args.back + place, count);
                    }
                }
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

#define NARROW(channels, blocks)                                                                                       \
    KERNEL(NARROW_THREADS) narrow_gather_##channels(const NarrowArgs args) { narrow_gather<channels>(args); }           \
    KERNEL(NARROW_THREADS) narrow_weight_gradient_##channels(const NarrowArgs args) {                                   \
        narrow_weight_gradient<channels, false>(args);                                                                  \
    }                                                                                                                   \
    KERNEL_OF(NARROW_THREADS, blocks) narrow_gradients_##channels(const NarrowArgs args) {                              \
        narrow_weight_gradient<channels, true>(args);                                                                   \
    }
NARROW(1, 2)
NARROW(2, 1)
NARROW(3, 2)
NARROW(4, 1)
