// The words of gpu.h on a host without a card, so that every kernel can be tested anywhere.
//
// A block's threads are fibers of one thread of the host; a warp runs until all of it waits for the block. `schedule` says
// in which order warps and lanes go: a result that depends on it shows a barrier that is missing. Copies are made no sooner
// than they are waited for. Before a block begins, its memory is NaN.
#pragma once
#include <setjmp.h>
#include <ucontext.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#define KERNEL(threads) inline void
#define KERNEL_OF(threads, blocks) inline void
#define DEVICE inline

namespace host {

enum class State { runs, waits_for_warp, waits_for_block, done };

struct Copy {
    float* to;
    float values[4];
    int count;
};

struct Fiber {
    jmp_buf jump;
    ucontext_t start;
    std::vector<char> stack;
    State state;
    bool begun;
    // Copies under way, and how many there are up to the end of each group.
    std::vector<Copy> copies;
    std::vector<size_t> groups;
};

// What the lanes of a warp bring to what they do together.
struct Warp {
    float a[32][4], b[32][2], d[32][4];
    float value[32];
    int arrived;
};

inline Fiber fibers[1024];
inline Warp warps[32];
inline jmp_buf scheduler;
inline int now, block[3], schedule;
inline std::vector<float> memory;
inline std::function<void()> body;

[[noreturn]] inline void leave() { _longjmp(scheduler, 1); }

inline void wait(State state) {
    Fiber& fiber = fibers[now];
    fiber.state = state;
    if (!_setjmp(fiber.jump)) leave();
}

// A fiber lives on, and runs its thread of block after block.
inline void enter() {
    for (;;) {
        body();
        wait(State::done);
    }
}

[[gnu::noinline]] inline void prepare(Fiber& fiber) {
    fiber.stack.resize(1 << 16);
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = fiber.stack.data();
    fiber.start.uc_stack.ss_size = fiber.stack.size();
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, enter, 0);
}

inline void resume(int thread) {
    Fiber& fiber = fibers[thread];
    now = thread;
    fiber.state = State::runs;
    if (_setjmp(scheduler)) return;
    if (fiber.begun) _longjmp(fiber.jump, 1);
    fiber.begun = true;
    setcontext(&fiber.start);
}

inline void run_warp(int warp) {
    for (;;) {
        int waiting = 0, live = 0;
        for (int i = 0; i < 32; i++) {
            int thread = warp * 32 + (schedule & 1 ? 31 - i : i);
            if (fibers[thread].state == State::runs) resume(thread);
        }
        for (int i = 0; i < 32; i++) {
            State state = fibers[warp * 32 + i].state;
            waiting += state == State::waits_for_warp;
            live += state == State::runs || state == State::waits_for_warp;
        }
        if (!live) return;
        if (waiting != 32) {
            fprintf(stderr, "not all lanes of a warp do the same\n");
            abort();
        }
        for (int i = 0; i < 32; i++) fibers[warp * 32 + i].state = State::runs;
    }
}

inline void run_block(int threads) {
    for (float& x : memory) x = NAN;
    for (int thread = 0; thread < threads; thread++) {
        Fiber& fiber = fibers[thread];
        fiber.state = State::runs;
        fiber.copies.clear();
        fiber.groups.clear();
        if (!fiber.begun) prepare(fiber);
    }
    for (;;) {
        for (int i = 0; i < threads / 32; i++) run_warp(schedule & 2 ? threads / 32 - 1 - i : i);
        int waiting = 0;
        for (int thread = 0; thread < threads; thread++) waiting += fibers[thread].state == State::waits_for_block;
        if (!waiting) return;
        if (waiting != threads) {
            fprintf(stderr, "not all threads of a block come to a barrier\n");
            abort();
        }
        for (int thread = 0; thread < threads; thread++) fibers[thread].state = State::runs;
    }
}

inline void launch(const unsigned (&grid)[3], int threads, size_t bytes, std::function<void()> kernel) {
    body = std::move(kernel);
    memory.resize((bytes + 3) / 4 + 4);
    for (unsigned z = 0; z < grid[2]; z++)
        for (unsigned y = 0; y < grid[1]; y++)
            for (unsigned x = 0; x < grid[0]; x++) {
                block[0] = x, block[1] = y, block[2] = z;
                run_block(threads);
            }
}

}  // namespace host

struct float2 {
    float x, y;
};

struct float4 {
    float x, y, z, w;
};

inline int thread() { return host::now; }
inline int block_x() { return host::block[0]; }
inline int block_y() { return host::block[1]; }
inline int block_z() { return host::block[2]; }

inline void sync() { host::wait(host::State::waits_for_block); }

template <class T>
T* shared_memory() {
    auto address = reinterpret_cast<uintptr_t>(host::memory.data());
    return reinterpret_cast<T*>((address + 15) / 16 * 16);
}

template <class T>
T read_only(const T* from) { return *from; }

template <int BYTES>
void copy_async(float* to, const float* from, bool there) {
    if (reinterpret_cast<uintptr_t>(to) % BYTES || reinterpret_cast<uintptr_t>(from) % BYTES) {
        fprintf(stderr, "a copy of %d bytes that is not aligned\n", BYTES);
        abort();
    }
    host::Copy copy{to, {}, BYTES / 4};
    if (there) memcpy(copy.values, from, BYTES);
    host::fibers[host::now].copies.push_back(copy);
}

inline void copy_commit() {
    host::Fiber& fiber = host::fibers[host::now];
    fiber.groups.push_back(fiber.copies.size());
}

template <int GROUPS>
void copy_wait() {
    host::Fiber& fiber = host::fibers[host::now];
    if (fiber.groups.size() <= GROUPS) return;
    auto last = fiber.groups.end() - GROUPS;
    size_t count = last[-1];
    for (size_t i = 0; i < count; i++) memcpy(fiber.copies[i].to, fiber.copies[i].values, 4 * fiber.copies[i].count);
    fiber.copies.erase(fiber.copies.begin(), fiber.copies.begin() + static_cast<std::ptrdiff_t>(count));
    fiber.groups.erase(fiber.groups.begin(), last);
    for (size_t& end : fiber.groups) end -= count;
}

inline float as_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

inline uint32_t as_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

inline float to_tf32(float x) {
    if (x != x) return x;
    return as_float((as_bits(x) + 0x1000) & ~0x1fffu);
}

inline void multiply_add(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
    host::Warp& warp = host::warps[host::now / 32];
    int lane = host::now % 32;
    memcpy(warp.a[lane], a, sizeof a);
    memcpy(warp.b[lane], b, sizeof b);
    memcpy(warp.d[lane], d, sizeof d);
    if (++warp.arrived == 32) {
        warp.arrived = 0;
        float left[16][8], right[8][8];
        for (int l = 0; l < 32; l++) {
            // A tensor core reads the upper 19 bits.
            auto cut = [](float x) { return as_float(as_bits(x) & ~0x1fffu); };
            for (int i = 0; i < 4; i++) left[l / 4 + 8 * (i % 2)][l % 4 + 4 * (i / 2)] = cut(warp.a[l][i]);
            for (int i = 0; i < 2; i++) right[l % 4 + 4 * i][l / 4] = cut(warp.b[l][i]);
        }
        for (int l = 0; l < 32; l++)
            for (int i = 0; i < 4; i++) {
                double sum = warp.d[l][i];
                for (int k = 0; k < 8; k++)
                    sum += static_cast<double>(left[l / 4 + 8 * (i / 2)][k]) * right[k][2 * (l % 4) + i % 2];
                warp.d[l][i] = static_cast<float>(sum);
            }
    }
    host::wait(host::State::waits_for_warp);
    memcpy(d, warp.d[lane], sizeof d);
}
