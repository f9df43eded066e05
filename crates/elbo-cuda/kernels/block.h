// Sums over a block's threads, always in the same order.
#pragma once
#include "gpu.h"

// The sum of what each of the block's COUNT threads brings, for all of them; `memory` has room for COUNT numbers.
template <int COUNT>
DEVICE double block_sum(double mine, double* memory) {
    sync();
    memory[thread()] = mine;
    sync();
    for (int half = COUNT / 2; half > 0; half /= 2) {
        if (thread() < half) memory[thread()] += memory[thread() + half];
        sync();
    }
    return memory[0];
}
