// The latent vectors: drawn from what the encoder says, and back through the draw.
#include "block.h"
#include "control.h"

constexpr int LATENT_THREADS = 128;

struct LatentArgs {
    const float* parts;       // of the head's sums, [parts, images, 2 dim]
    const float* bias;        // [2 dim]
    const float* class_rows;  // [classes, 2 dim], or none
    const unsigned short* classes;
    const float* noise;   // [images, dim], or none: the mean
    float* statistics;    // [images, 2 dim], means first, then log-variances
    float* latents;       // [images, dim], or none
    double* divergences;  // [images], or none
    int images, dim, part_count;
    int rounded;
};

// A block for an image.
KERNEL(LATENT_THREADS) latent_draw(const LatentArgs args) {
    const int dim = args.dim, image = block_x();
    auto statistic = [&](int i) {
        float value = 0.f;
        for (int part = 0; part < args.part_count; part++)
            value += args.parts[(static_cast<long long>(part) * args.images + image) * 2 * dim + i];
        value += args.bias[i];
        if (args.class_rows) value += args.class_rows[static_cast<long long>(args.classes[image]) * 2 * dim + i];
        args.statistics[static_cast<long long>(image) * 2 * dim + i] = value;
        return value;
    };
    double divergence = 0;
    for (int i = thread(); i < dim; i += LATENT_THREADS) {
        float mean = statistic(i), logvar = statistic(dim + i);
        float noise = args.noise ? args.noise[static_cast<long long>(image) * dim + i] : 0.f;
        float latent = mean + noise * expf(0.5f * logvar);
        if (args.latents) args.latents[static_cast<long long>(image) * dim + i] = args.rounded ? to_tf32(latent) : latent;
        double m = mean, l = logvar;
        divergence += 0.5 * (m * m + (expm1(l) - l));
    }
    if (args.divergences) {
        divergence = block_sum<LATENT_THREADS>(divergence, shared_memory<double>());
        if (thread() == 0) args.divergences[image] = divergence;
    }
}

struct LatentBackArgs {
    const float* parts;  // of the gradient of the mean reconstruction by the latent vectors, [parts, images, dim]
    const float* statistics;
    const float* noise;  // or none
    float* gradient;     // by the statistics, [images, 2 dim]
    const Control* control;
    int images, dim, part_count;
    int rounded;
};

// A thread for a latent dimension of an image.
KERNEL(LATENT_THREADS) latent_back(const LatentBackArgs args) {
    const int dim = args.dim;
    long long place = static_cast<long long>(block_x()) * LATENT_THREADS + thread();
    if (place >= static_cast<long long>(args.images) * dim) return;
    long long image = place / dim;
    int i = static_cast<int>(place % dim);
    float by_latent = 0.f;
    for (int part = 0; part < args.part_count; part++)
        by_latent += args.parts[(part * static_cast<long long>(args.images) + image) * dim + i];
    const Control& control = *args.control;
    float mean = args.statistics[image * 2 * dim + i], logvar = args.statistics[image * 2 * dim + dim + i];
    float noise = args.noise ? args.noise[place] : 0.f;
    double m = mean, l = logvar;
    bool is_free = control.free_bits > 0.f && 0.5 * (m * m + (expm1(l) - l)) < control.free_bits;
    float beta = is_free ? 0.f : control.beta / static_cast<float>(control.images);
    float sigma = expf(0.5f * logvar);
    float by_mean, by_logvar;
    if (control.path_gradient) {
        // With z = mean + noise sigma, that of log q(z) - log p(z) is z - noise / sigma.
        by_mean = by_latent + beta * (mean + noise * (sigma - 1.f / sigma));
        by_logvar = by_mean * noise * sigma;
    } else {
        by_mean = by_latent + beta * mean;
        by_logvar = by_latent * noise * sigma + beta * expm1f(logvar);
    }
    by_logvar *= 0.5f;
    args.gradient[image * 2 * dim + i] = args.rounded ? to_tf32(by_mean) : by_mean;
    args.gradient[image * 2 * dim + dim + i] = args.rounded ? to_tf32(by_logvar) : by_logvar;
}

// The gradient of the rows, one per class, that a conditional network adds: the sum over the images of a class.
struct ClassSumsArgs {
    const float* gradient;  // [images, numbers]
    const unsigned short* classes;
    float* rows;  // [classes, numbers]
    int images, numbers, accumulate;
};

KERNEL(LATENT_THREADS) class_sums(const ClassSumsArgs args) {
    int number = block_x() * LATENT_THREADS + thread();
    if (number >= args.numbers) return;
    float* row = args.rows + static_cast<long long>(block_y()) * args.numbers + number;
    float sum = args.accumulate ? *row : 0.f;
    for (int image = 0; image < args.images; image++)
        if (args.classes[image] == block_y()) sum += args.gradient[static_cast<long long>(image) * args.numbers + number];
    *row = sum;
}
