// Around the layers: bytes to pixels, parts to sums, losses to their mean, and the optimiser.
#include "block.h"
#include "control.h"
#include "likelihood.h"

constexpr int UPDATE_THREADS = 256;

struct PixelsArgs {
    const void* bytes;  // numbers of 8 or 16 bits
    const Control* control;
    float* pixels;   // from 0 to 1
    float* rounded;  // the same in tf32, or none
    long long len;
};

KERNEL(UPDATE_THREADS) pixels(const PixelsArgs args) {
    long long i = static_cast<long long>(block_x()) * UPDATE_THREADS + thread();
    if (i >= args.len) return;
    float pixel = args.control->value_bytes == 2
        ? static_cast<float>(static_cast<const unsigned short*>(args.bytes)[i]) / 65535.f
        : static_cast<float>(static_cast<const unsigned char*>(args.bytes)[i]) / 255.f;
    args.pixels[i] = pixel;
    if (args.rounded) args.rounded[i] = to_tf32(pixel);
}

struct RoundArgs {
    const float* from;
    float* to;
    long long len;
};

KERNEL(UPDATE_THREADS) round_all(const RoundArgs args) {
    long long i = static_cast<long long>(block_x()) * UPDATE_THREADS + thread();
    if (i < args.len) args.to[i] = to_tf32(args.from[i]);
}

// A stretch of the gradient, as the sum of the parts that blocks left, and where a bias's parts are taps apart, of a window
// of taps.
struct Segment {
    const float* parts;
    long long first, len;
    long long part_step, row_step, column_step;
    int part_count, rows, columns;
};

struct ReduceArgs {
    const Segment* segments;
    float* gradient;
    int segment_count;
    int accumulate;
    long long len;
};

constexpr int REDUCE_ACROSS = 32;                              // numbers of a block
constexpr int REDUCE_DOWN = UPDATE_THREADS / REDUCE_ACROSS;  // threads that share the parts of a number

KERNEL(UPDATE_THREADS) reduce(const ReduceArgs args) {
    float* memory = shared_memory<float>();
    int across = thread() % REDUCE_ACROSS, down = thread() / REDUCE_ACROSS;
    long long i = static_cast<long long>(block_x()) * REDUCE_ACROSS + across;
    // The last segment that begins no later.
    int low = 0, high = args.segment_count;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (args.segments[middle].first <= i)
            low = middle;
        else
            high = middle;
    }
    Segment segment = args.segments[low];
    bool mine = i >= segment.first && i < segment.first + segment.len;
    float sum = 0.f;
    if (mine) {
        const float* from = segment.parts + (i - segment.first);
        int first = static_cast<int>(static_cast<long long>(segment.part_count) * down / REDUCE_DOWN);
        int last = static_cast<int>(static_cast<long long>(segment.part_count) * (down + 1) / REDUCE_DOWN);
        for (int row = 0; row < segment.rows; row++)
            for (int column = 0; column < segment.columns; column++) {
                const float* part = from + row * segment.row_step + column * segment.column_step;
#pragma unroll 8
                for (int n = first; n < last; n++) sum += part[n * segment.part_step];
            }
    }
    memory[thread()] = sum;
    sync();
    if (down > 0 || !mine) return;
    sum = 0.f;
    for (int n = 0; n < REDUCE_DOWN; n++) sum += memory[n * REDUCE_ACROSS + across];
    args.gradient[i] = args.accumulate ? args.gradient[i] + sum : sum;
}

struct LossArgs {
    const double* losses;       // [images, tiles]
    const double* divergences;  // [images]
    const double* by_sigma;     // [images, tiles], or none
    float* sigma_gradient;      // or none
    const Control* control;
    Outcome* outcome;
    int images, tiles;
    int accumulate;
    int last;  // of the parts of a batch
};

// One block: the mean loss of a batch.
KERNEL(UPDATE_THREADS) mean_loss(const LossArgs args) {
    double* memory = shared_memory<double>();
    double reconstruction = 0, divergence = 0, by_sigma = 0;
    long long places = static_cast<long long>(args.images) * args.tiles;
    for (long long i = thread(); i < places; i += UPDATE_THREADS) {
        reconstruction += args.losses[i];
        if (args.by_sigma) by_sigma += args.by_sigma[i];
    }
    for (int i = thread(); i < args.images; i += UPDATE_THREADS) divergence += args.divergences[i];
    reconstruction = block_sum<UPDATE_THREADS>(reconstruction, memory);
    divergence = block_sum<UPDATE_THREADS>(divergence, memory);
    by_sigma = block_sum<UPDATE_THREADS>(by_sigma, memory);
    if (thread() != 0) return;
    double count = args.control->images;
    double* loss = args.outcome->losses[args.control->slot];
    loss[0] = (args.accumulate ? loss[0] : 0) + reconstruction / count;
    loss[1] = (args.accumulate ? loss[1] : 0) + divergence / count;
    if (args.sigma_gradient)
        *args.sigma_gradient = (args.accumulate ? *args.sigma_gradient : 0.f) + static_cast<float>(by_sigma / count);
    if (args.last && !(fabs(loss[0] + loss[1]) < 1e300)) args.outcome->failed = 1;
}

// The weights of a layer that Muon steps, as a matrix [rows, columns]: a row is a tap and a channel of the large side.
struct Matrix {
    long long first, len;
    float* rows;  // [rows, columns]
    int columns, others;
    int turned;  // the parameters have each tap's matrix the other way round
};

constexpr int MATRICES = 12;

struct UpdateArgs {
    const float* gradient;
    float *parameters, *mean, *square;
    float* rounded;  // the parameters in tf32, or none
    const Control* control;
    const Outcome* outcome;  // or none
    long long len;
    int matrix_count;  // 0: Adam for all
    Matrix matrices[MATRICES];
};

// A thread for a parameter: Adam (Kingma and Ba, 2015, Algorithm 1), or for a matrix its momentum, as Nesterov takes it.
KERNEL(UPDATE_THREADS) update(const UpdateArgs args) {
    long long i = static_cast<long long>(block_x()) * UPDATE_THREADS + thread();
    if (i >= args.len || (args.outcome && args.outcome->failed)) return;
    const Control& control = *args.control;
    float gradient = args.gradient[i];
    for (int n = 0; n < args.matrix_count; n++) {
        const Matrix& matrix = args.matrices[n];
        long long place = i - matrix.first;
        if (place < 0 || place >= matrix.len) continue;
        float decay = control.momentum;
        float mean = zero_if_tiny(decay * args.mean[i] + (1.f - decay) * gradient);
        float step = decay * mean + (1.f - decay) * gradient;
        args.mean[i] = mean;
        args.square[i] = step;
        if (matrix.turned) {
            long long tap = place / (static_cast<long long>(matrix.columns) * matrix.others);
            int in_tap = static_cast<int>(place - tap * matrix.columns * matrix.others);
            int column = in_tap / matrix.others, other = in_tap % matrix.others;
            place = (tap * matrix.others + other) * matrix.columns + column;
        }
        matrix.rows[place] = step;
        return;
    }
    float mean = zero_if_tiny(control.beta1 * args.mean[i] + (1.f - control.beta1) * gradient);
    float square = zero_if_tiny(control.beta2 * args.square[i] + (1.f - control.beta2) * gradient * gradient);
    args.mean[i] = mean;
    args.square[i] = square;
    float parameter = args.parameters[i] - control.adam_rate * mean / (sqrtf(square * control.square_scale) + control.epsilon);
    args.parameters[i] = parameter;
    if (args.rounded) args.rounded[i] = to_tf32(parameter);
}

// Takes Muon's step: the rate times each orthogonal matrix.
KERNEL(UPDATE_THREADS) muon_step(const UpdateArgs args) {
    long long i = static_cast<long long>(block_x()) * UPDATE_THREADS + thread();
    if (i >= args.len || (args.outcome && args.outcome->failed)) return;
    for (int n = 0; n < args.matrix_count; n++) {
        const Matrix& matrix = args.matrices[n];
        long long place = i - matrix.first;
        if (place < 0 || place >= matrix.len) continue;
        if (matrix.turned) {
            long long tap = place / (static_cast<long long>(matrix.columns) * matrix.others);
            int in_tap = static_cast<int>(place - tap * matrix.columns * matrix.others);
            int column = in_tap / matrix.others, other = in_tap % matrix.others;
            place = (tap * matrix.others + other) * matrix.columns + column;
        }
        float parameter = args.parameters[i] - args.control->muon_rate * matrix.rows[place];
        args.parameters[i] = parameter;
        if (args.rounded) args.rounded[i] = to_tf32(parameter);
        return;
    }
}
