// The last layer, which makes few channels out of many, with what follows from the logits.
//
// Each source pixel is read once, and multiplied with all nine taps; the products are added where their taps meet.
#include "block.h"
#include "control.h"
#include "likelihood.h"

constexpr int LOGIT_THREADS = 256;
constexpr int TILE_HEIGHT = 16, TILE_WIDTH = 32;
constexpr int REACH_HEIGHT = TILE_HEIGHT + 2, REACH_WIDTH = TILE_WIDTH + 2;
constexpr int REACH = REACH_HEIGHT * REACH_WIDTH;
constexpr int PIXELS_EACH = (REACH + LOGIT_THREADS - 1) / LOGIT_THREADS;
constexpr int WEIGHT_CHUNK = 32;  // channels whose weights are in the block's memory

struct LogitsArgs {
    const float* source;     // [images, height, width, c_source]
    const float* weights;    // [9, c_source, channels]
    const float* bias;       // [channels]
    const float* pixels;     // [images, height, width, channels], or none
    const float* log_sigma;  // or none
    float* gradient;         // of the mean loss by the logits, [images, height, width, channels], or none
    float* means;            // of the pixels, likewise, or none
    double* losses;          // [images, tiles], or none
    double* by_sigma;        // gradient by log_sigma, [images, tiles], or none
    const Control* control;
    int images, height, width, c_source, channels;
    int tiles_down, tiles_across;
    int likelihood;
    int rounded;  // the gradient, to tf32
};

template <int CHANNELS>
DEVICE void logits(const LogitsArgs& args) {
    constexpr int PRODUCTS = 9 * CHANNELS;
    double* sums = shared_memory<double>();
    float* weights = reinterpret_cast<float*>(sums + LOGIT_THREADS);
    float* products = weights + WEIGHT_CHUNK * PRODUCTS;

    int tiles = args.tiles_down * args.tiles_across;
    int image = block_x() / tiles, tile = block_x() % tiles;
    int top = tile / args.tiles_across * TILE_HEIGHT, leftmost = tile % args.tiles_across * TILE_WIDTH;
    const int height = args.height, width = args.width, c_source = args.c_source;
    const float* source = args.source + static_cast<long long>(image) * height * width * c_source;

    float sum[PIXELS_EACH][PRODUCTS];
    const float* from[PIXELS_EACH];
#pragma unroll
    for (int i = 0; i < PIXELS_EACH; i++) {
        int place = thread() + LOGIT_THREADS * i;
        int y = top + place / REACH_WIDTH - 1, x = leftmost + place % REACH_WIDTH - 1;
        bool there = place < REACH && y >= 0 && y < height && x >= 0 && x < width;
        from[i] = there ? source + (static_cast<long long>(y) * width + x) * c_source : nullptr;
#pragma unroll
        for (int p = 0; p < PRODUCTS; p++) sum[i][p] = 0.f;
    }
    for (int first = 0; first < c_source; first += WEIGHT_CHUNK) {
        int channels = c_source - first < WEIGHT_CHUNK ? c_source - first : WEIGHT_CHUNK;
        sync();
        // As [channel, tap, out], so that what a channel needs lies together.
        for (int i = thread(); i < channels * PRODUCTS; i += LOGIT_THREADS) {
            int out = i % CHANNELS, tap = i / CHANNELS % 9, channel = i / PRODUCTS;
            weights[i] = args.weights[(static_cast<long long>(tap) * c_source + first + channel) * CHANNELS + out];
        }
        sync();
        auto take = [&](int channel, const float(&value)[PIXELS_EACH]) {
#pragma unroll
            for (int p = 0; p < PRODUCTS; p++) {
                float weight = weights[channel * PRODUCTS + p];
#pragma unroll
                for (int i = 0; i < PIXELS_EACH; i++) sum[i][p] += value[i] * weight;
            }
        };
        int channel = 0;
        if (c_source % 4 == 0)
            for (; channel < channels; channel += 4) {
                float4 four[PIXELS_EACH];
#pragma unroll
                for (int i = 0; i < PIXELS_EACH; i++)
                    four[i] = from[i] ? *reinterpret_cast<const float4*>(from[i] + first + channel) : float4{0.f, 0.f, 0.f, 0.f};
                float value[PIXELS_EACH];
#pragma unroll
                for (int i = 0; i < PIXELS_EACH; i++) value[i] = four[i].x;
                take(channel, value);
#pragma unroll
                for (int i = 0; i < PIXELS_EACH; i++) value[i] = four[i].y;
                take(channel + 1, value);
#pragma unroll
                for (int i = 0; i < PIXELS_EACH; i++) value[i] = four[i].z;
                take(channel + 2, value);
#pragma unroll
                for (int i = 0; i < PIXELS_EACH; i++) value[i] = four[i].w;
                take(channel + 3, value);
            }
        for (; channel < channels; channel++) {
            float value[PIXELS_EACH];
#pragma unroll
            for (int i = 0; i < PIXELS_EACH; i++) value[i] = from[i] ? from[i][first + channel] : 0.f;
            take(channel, value);
        }
    }
#pragma unroll
    for (int i = 0; i < PIXELS_EACH; i++) {
        int place = thread() + LOGIT_THREADS * i;
        if (place < REACH)
#pragma unroll
            for (int p = 0; p < PRODUCTS; p++) products[p * REACH + place] = sum[i][p];
    }
    sync();

    float raw = args.log_sigma ? *args.log_sigma : 0.f;
    PixelModel model(args.likelihood, raw);
    double loss = 0, by_sigma = 0;
    for (int i = thread(); i < TILE_HEIGHT * TILE_WIDTH; i += LOGIT_THREADS) {
        int in_y = i / TILE_WIDTH, in_x = i % TILE_WIDTH;
        int y = top + in_y, x = leftmost + in_x;
        if (y >= height || x >= width) continue;
#pragma unroll
        for (int out = 0; out < CHANNELS; out++) {
            float logit = args.bias[out];
#pragma unroll
            for (int tap = 0; tap < 9; tap++)
                logit += products[(tap * CHANNELS + out) * REACH + (in_y + 2 - tap / 3) * REACH_WIDTH + in_x + 2 - tap % 3];
            long long place = ((static_cast<long long>(image) * height + y) * width + x) * CHANNELS + out;
            if (args.means) args.means[place] = model.mean(logit);
            if (args.pixels) {
                PixelLoss found = model.loss(logit, args.pixels[place]);
                loss += found.loss;
                by_sigma += found.by_raw;
                if (args.gradient) {
                    float by_logit = found.by_logit / static_cast<float>(args.control->images);
                    args.gradient[place] = args.rounded ? to_tf32(by_logit) : by_logit;
                }
            }
        }
    }
    if (args.losses) {
        loss = block_sum<LOGIT_THREADS>(loss, sums);
        if (thread() == 0) args.losses[block_x()] = loss;
    }
    if (args.by_sigma) {
        by_sigma = block_sum<LOGIT_THREADS>(by_sigma, sums);
        if (thread() == 0) args.by_sigma[block_x()] = by_sigma;
    }
}

KERNEL(LOGIT_THREADS) logits_1(const LogitsArgs args) { logits<1>(args); }
KERNEL(LOGIT_THREADS) logits_2(const LogitsArgs args) { logits<2>(args); }
KERNEL(LOGIT_THREADS) logits_3(const LogitsArgs args) { logits<3>(args); }
KERNEL(LOGIT_THREADS) logits_4(const LogitsArgs args) { logits<4>(args); }
