// What changes from step to step, in the card's memory: the launches of a step are always the same.
#pragma once

struct Control {
    float adam_rate, square_scale;  // with the bias corrections
    float beta1, beta2, epsilon;
    float muon_rate, momentum;
    float beta, free_bits;
    int path_gradient;  // of the divergence
    int images;         // of the whole batch
    int slot;           // where the loss goes
    int value_bytes;    // of the pixels that come in: 1 or 2
};

// Steps whose losses can wait to be fetched.
constexpr int SLOTS = 64;

// `failed` is set by the first loss that is not finite; nothing is learned after that.
struct Outcome {
    int failed;
    int unused;
    double losses[SLOTS][2];  // reconstruction and divergence, the mean over the images
};
