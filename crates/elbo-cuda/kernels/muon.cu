// Five Newton-Schulz iterations (Jordan et al., 2024) among matrices [columns, columns]: with G = X'X and the polynomial
// Q = a + b G + c G^2, an iteration takes X to X Q, and so G to Q G Q. What all Qs make together is P, and X P the result.
#include "block.h"

constexpr int MUON_THREADS = 256;
constexpr int ITERATIONS = 5;
constexpr float A = 3.4445f, B = -4.7750f, C = 2.0315f;
// What keeps the norm of a matrix of zeros from being divided by.
constexpr float EPSILON = 1e-7f;
// The most columns of a matrix that one block iterates on in its own memory.
constexpr int SMALL = 64;
constexpr int SMALL_ROW = SMALL + 4;
constexpr int SMALL_LEN = SMALL * SMALL_ROW;

struct Gram {
    const float* parts;  // of X'X, [part_count, columns, columns]
    float* polynomial;   // P
    int columns, part_count;
};

constexpr int GRAMS = 12;

struct PolynomialArgs {
    Gram grams[GRAMS];
};

// to = scale a b, and add times another matrix, and diagonal; of `n` columns. A thread makes four by four numbers.
DEVICE void small_product(int n, const float* a, const float* b, float* to, float scale, float add, const float* other,
                          float diagonal) {
    int row = thread() / 16 * 4, column = thread() % 16 * 4;
    float sum[4][4] = {};
    if (row < n && column < n)
        for (int k = 0; k < n; k++) {
            float left[4], right[4];
#pragma unroll
            for (int i = 0; i < 4; i++) left[i] = a[(row + i) * SMALL_ROW + k], right[i] = b[k * SMALL_ROW + column + i];
#pragma unroll
            for (int i = 0; i < 4; i++)
#pragma unroll
                for (int j = 0; j < 4; j++) sum[i][j] += left[i] * right[j];
        }
    sync();
    if (row < n && column < n)
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) {
                int place = (row + i) * SMALL_ROW + column + j;
                float value = scale * sum[i][j] + (other ? add * other[place] : 0.f);
                to[place] = value + (row + i == column + j ? diagonal : 0.f);
            }
    sync();
}

// A block for a matrix of at most SMALL columns. Beyond its columns the memory holds zeros.
KERNEL(MUON_THREADS) muon_polynomial(const PolynomialArgs args) {
    const Gram gram = args.grams[block_x()];
    const int n = gram.columns;
    float* g = shared_memory<float>();
    float *q = g + SMALL_LEN, *p = q + SMALL_LEN, *next = p + SMALL_LEN;
    double* sums = reinterpret_cast<double*>(next + SMALL_LEN);
    double trace = 0;
    for (int i = thread(); i < SMALL * SMALL; i += MUON_THREADS) {
        int row = i / SMALL, column = i % SMALL;
        float sum = 0.f;
        if (row < n && column < n)
#pragma unroll 8
            for (int part = 0; part < gram.part_count; part++)
                sum += gram.parts[(static_cast<long long>(part) * n + row) * n + column];
        int place = row * SMALL_ROW + column;
        g[place] = sum;
        q[place] = p[place] = next[place] = 0.f;
        if (row == column) trace += sum;
    }
    // The square of the norm of X.
    trace = block_sum<MUON_THREADS>(trace, sums);
    float scale = 1.f / (sqrtf(static_cast<float>(trace)) + EPSILON);
    for (int i = thread(); i < SMALL_LEN; i += MUON_THREADS) g[i] *= scale * scale;
    sync();
    for (int iteration = 0; iteration < ITERATIONS; iteration++) {
        small_product(n, g, g, q, C, B, g, A);
        if (iteration == 0) {
            for (int i = thread(); i < SMALL_LEN; i += MUON_THREADS) p[i] = scale * q[i];
            sync();
        } else {
            small_product(n, p, q, p, 1.f, 0.f, nullptr, 0.f);
        }
        if (iteration + 1 < ITERATIONS) {
            // Q and G commute: Q G Q is (G Q) Q.
            small_product(n, g, q, next, 1.f, 0.f, nullptr, 0.f);
            small_product(n, next, q, g, 1.f, 0.f, nullptr, 0.f);
        }
    }
    for (int i = thread(); i < n * n; i += MUON_THREADS) gram.polynomial[i] = p[i / n * SMALL_ROW + i % n];
}

// The same steps for larger matrices, whose products other kernels make.
struct MuonArgs {
    const float* parts;  // of X'X
    float* gram;         // [columns, columns]
    float* square;       // G^2, and then Q
    float* all;          // P
    float* scale;        // one over the norm of X
    int columns, part_count;
    int iteration;
};

// One block: sums the parts, and takes the norm out.
KERNEL(MUON_THREADS) muon_normalize(const MuonArgs args) {
    const int n = args.columns;
    long long len = static_cast<long long>(n) * n;
    double trace = 0;
    for (long long i = thread(); i < len; i += MUON_THREADS) {
        float sum = 0.f;
#pragma unroll 8
        for (int part = 0; part < args.part_count; part++) sum += args.parts[part * len + i];
        args.gram[i] = sum;
        if (i / n == i % n) trace += sum;
    }
    trace = block_sum<MUON_THREADS>(trace, shared_memory<double>());
    float scale = 1.f / (sqrtf(static_cast<float>(trace)) + EPSILON);
    for (long long i = thread(); i < len; i += MUON_THREADS) args.gram[i] *= scale * scale;
    if (thread() == 0) *args.scale = scale;
}

// G^2 becomes Q; in the first iteration so does P, but for the norm.
KERNEL(MUON_THREADS) muon_combine(const MuonArgs args) {
    const int n = args.columns;
    long long i = static_cast<long long>(block_x()) * MUON_THREADS + thread();
    if (i >= static_cast<long long>(n) * n) return;
    float value = C * args.square[i] + B * args.gram[i] + (i / n == i % n ? A : 0.f);
    args.square[i] = value;
    if (args.iteration == 0) args.all[i] = *args.scale * value;
}
