// What the kernels that multiply matrices share: the tile that a block makes of one, of COLUMNS columns.
//
// SIDES warps stand beside each other, and each makes 32 rows of its share of the columns. TERMS is the precision: 1 multiplies
// what it is given, whose numbers must be tf32; 3 multiplies each number as two halves, and adds all but the smallest of the
// four products, which leaves an error as small as that of f32.
#pragma once
#include "gpu.h"

constexpr int THREADS = 256;
constexpr int ROWS = 128;
// Of the dimension that is summed over, so much at a time; so many such chunks are in the block's memory.
constexpr int CHUNK = 32;
constexpr int STAGES = 3;

template <int TERMS, int COLUMNS, int SIDES = 2>
struct Tile {
    static constexpr int ACROSS = COLUMNS / SIDES / 8;
    float sum[2][ACROSS][4];

    DEVICE void clear() {
#pragma unroll
        for (int m = 0; m < 2; m++)
#pragma unroll
            for (int n = 0; n < ACROSS; n++)
#pragma unroll
                for (int i = 0; i < 4; i++) sum[m][n][i] = 0.f;
    }

    static DEVICE int lane() { return thread() % 32; }
    static DEVICE int first_row() { return thread() / 32 / SIDES * 32; }
    static DEVICE int first_column() { return thread() / 32 % SIDES * (COLUMNS / SIDES); }

    // `left(row, k)` and `right(k, column)` read the chunk.
    template <class Left, class Right>
    DEVICE void add(Left left, Right right) {
        int g = lane() / 4, q = lane() % 4;
        add_chunk(CHUNK, [&](int k, float(&a)[2][4], float(&b)[ACROSS][2]) {
#pragma unroll
            for (int m = 0; m < 2; m++) {
                int row = first_row() + 16 * m + g;
                a[m][0] = left(row, k + q), a[m][1] = left(row + 8, k + q);
                a[m][2] = left(row, k + q + 4), a[m][3] = left(row + 8, k + q + 4);
            }
#pragma unroll
            for (int n = 0; n < ACROSS; n++) {
                int column = first_column() + 8 * n + g;
                b[n][0] = right(k + q, column), b[n][1] = right(k + q + 4, column);
            }
        });
    }

    // `load(k, a, b)` reads what a lane takes of eight numbers from `k` on, of the chunk's first `depth`.
    template <class Load>
    DEVICE void add_chunk(int depth, Load load) {
        Tile part;
        if constexpr (TERMS == 3) part.clear();
        Tile& to = TERMS == 3 ? part : *this;
#pragma unroll
        for (int k = 0; k < CHUNK; k += 8) {
            if (k >= depth) break;
            float a[2][4], b[ACROSS][2];
            load(k, a, b);
            multiply(to, a, b);
        }
        if constexpr (TERMS == 3) {
            // The tensor core cuts what it adds; here it is rounded.
#pragma unroll
            for (int m = 0; m < 2; m++)
#pragma unroll
                for (int n = 0; n < ACROSS; n++)
#pragma unroll
                    for (int i = 0; i < 4; i++) sum[m][n][i] += part.sum[m][n][i];
        }
    }

    static DEVICE void multiply(Tile& to, float (&a)[2][4], float (&b)[ACROSS][2]) {
        if constexpr (TERMS == 1) {
#pragma unroll
            for (int m = 0; m < 2; m++)
#pragma unroll
                for (int n = 0; n < ACROSS; n++) multiply_add(to.sum[m][n], a[m], b[n]);
        } else {
            float a_low[2][4], b_low[ACROSS][2];
#pragma unroll
            for (int m = 0; m < 2; m++) split<4>(a[m], a_low[m]);
#pragma unroll
            for (int n = 0; n < ACROSS; n++) split<2>(b[n], b_low[n]);
#pragma unroll
            for (int m = 0; m < 2; m++)
#pragma unroll
                for (int n = 0; n < ACROSS; n++) {
                    multiply_add(to.sum[m][n], a_low[m], b[n]);
                    multiply_add(to.sum[m][n], a[m], b_low[n]);
                    multiply_add(to.sum[m][n], a[m], b[n]);
                }
        }
    }

    // x becomes its upper half; what is missing is the lower one.
    template <int N>
    static DEVICE void split(float (&x)[N], float (&low)[N]) {
#pragma unroll
        for (int i = 0; i < N; i++) {
            float high = to_tf32(x[i]);
            low[i] = to_tf32(x[i] - high);
            x[i] = high;
        }
    }

    // A thread holds ACROSS pairs of neighbours in each of four rows, which are these.
    static DEVICE int row(int i) { return first_row() + 8 * i + lane() / 4; }
    static DEVICE int column(int n) { return first_column() + 8 * n + 2 * (lane() % 4); }

    // Calls `each(i, n, first, second)` for all pairs of neighbours that this thread holds, or those of columns `from` on up to
    // `to`.
    template <class Each>
    DEVICE void each_pair(Each each, int from = 0, int to = ACROSS) {
#pragma unroll
        for (int n = from; n < to; n++)
#pragma unroll
            for (int i = 0; i < 4; i++) each(i, n, sum[i / 2][n][2 * (i % 2)], sum[i / 2][n][2 * (i % 2) + 1]);
    }
};
