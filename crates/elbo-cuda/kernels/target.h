// What a layer is given, forwards or backwards, and how its target is written.
#pragma once
#include "join.h"
#include "product.h"

struct GatherArgs {
    const float* source;      // [images, source pixels, c_source]
    const float* weights;     // [taps, c_source, c_target], or [taps, c_target, c_source] if `turned`
    const float* bias;        // [c_target], or none
    const float* class_rows;  // [classes, target pixels * c_target], or none
    const unsigned short* classes;  // [images]
    const float* gate;        // as the target, or none: where it is not above zero, the target is zero
    float* target;            // [images, target pixels, c_target], or with `parts` above 1 [parts, ...]
    Join join;
    int images, c_source, c_target;
    int up;         // from the small side to the large one
    int parts;      // blocks that share a sum
    int row_tiles;  // of a phase, or of all of them
    int phases;     // that a block makes of its tile, one after the other
    int relu;
    int rounded;    // to tf32
};

// Where the sums of a thread's four rows go: four target pixels, or fewer.
struct Targets {
    const GatherArgs& args;
    long long pixels;
    long long places[4];  // or -1

    DEVICE Targets(const GatherArgs& args) : args(args) {
        const Join& join = args.join;
        pixels = static_cast<long long>(args.up ? join.y.large : join.y.small) * (args.up ? join.x.large : join.x.small);
    }

    // Row `i` goes nowhere.
    DEVICE void none(int i) { places[i] = -1; }

    // In a part of the sums.
    DEVICE void set(int i, int part, const Walk& y, const Walk& x, int image, int in_y, int in_x) {
        int width = args.up ? args.join.x.large : args.join.x.small;
        int pixel = (y.target_first + y.target_step * in_y) * width + x.target_first + x.target_step * in_x;
        places[i] = ((static_cast<long long>(part) * args.images + image) * pixels + pixel) * args.c_target;
    }

    // Writes a product whose first column is `column0`. If EVEN, the number of channels is.
    //
    // What is read for it is read whole before any of it is used, from some place where nothing is to be had: a thread that
    // waited for each number would wait for as long as the product took.
    template <bool EVEN, class Product>
    DEVICE void write(Product& product, int column0) const {
        constexpr int ACROSS = Product::ACROSS;
        const int c_target = args.c_target;
        auto column = [&](int n) { return column0 + Product::column(n); };
        auto two_of = [&](const float* from, long long place, bool first, bool second) {
            if constexpr (EVEN) return *reinterpret_cast<const float2*>(from + (first ? place : 0));
            return float2{from[first ? place : 0], from[second ? place + 1 : 0]};
        };
        // The numbers of `from`, as the product has them, and then what `use` makes of each.
        auto with = [&](const float* from, const long long(&at)[4], auto use) {
            constexpr int AT_ONCE = 2;
#pragma unroll
            for (int first = 0; first < ACROSS; first += AT_ONCE) {
                float2 numbers[AT_ONCE][4];
                product.each_pair([&](int i, int n, float&, float&) {
                    bool there = at[i] >= 0;
                    numbers[n - first][i] =
                        two_of(from, at[i] + column(n), there && column(n) < c_target, there && column(n) + 1 < c_target);
                }, first, first + AT_ONCE);
                product.each_pair([&](int i, int n, float& one, float& two) {
                    one = use(one, numbers[n - first][i].x), two = use(two, numbers[n - first][i].y);
                }, first, first + AT_ONCE);
            }
        };
        if (args.bias) {
            float2 numbers[ACROSS];
#pragma unroll
            for (int n = 0; n < ACROSS; n++)
                numbers[n] = two_of(args.bias, column(n), column(n) < c_target, column(n) + 1 < c_target);
            product.each_pair([&](int, int n, float& one, float& two) { one += numbers[n].x, two += numbers[n].y; });
        }
        if (args.class_rows) {
            // Of a layer with classes there is one part.
            long long at[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                long long len = pixels * c_target, image = places[i] < 0 ? 0 : places[i] / len;
                at[i] = places[i] < 0 ? -1 : places[i] + (args.classes[image] - image) * len;
            }
            with(args.class_rows, at, [](float sum, float row) { return sum + row; });
        }
        if (args.relu) product.each_pair([&](int, int, float& one, float& two) {
            one = one < 0.f ? 0.f : one, two = two < 0.f ? 0.f : two;
        });
        if (args.gate) with(args.gate, places, [](float sum, float gate) { return gate <= 0.f ? 0.f : sum; });
        if (args.rounded) product.each_pair([&](int, int, float& one, float& two) { one = to_tf32(one), two = to_tf32(two); });
        product.each_pair([&](int i, int n, float& one, float& two) {
            if (places[i] < 0 || column(n) >= c_target) return;
            float* target = args.target + places[i] + column(n);
            if constexpr (EVEN) {
                *reinterpret_cast<float2*>(target) = float2{one, two};
            } else {
                target[0] = one;
                if (column(n) + 1 < c_target) target[1] = two;
            }
        });
    }
};
