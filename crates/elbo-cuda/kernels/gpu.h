// The few words of CUDA that the kernels speak. A host without a card says them with host.h.
#pragma once

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)

#define KERNEL(threads) extern "C" __global__ void __launch_bounds__(threads)
// So many of its blocks are to fit on a multiprocessor.
#define KERNEL_OF(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)
#define DEVICE __device__ __forceinline__

DEVICE int thread() { return threadIdx.x; }
DEVICE int block_x() { return blockIdx.x; }
DEVICE int block_y() { return blockIdx.y; }
DEVICE int block_z() { return blockIdx.z; }

// Waits until all threads of the block are here.
DEVICE void sync() { __syncthreads(); }

// The block's memory, as much as the launch asked for.
template <class T>
DEVICE T* shared_memory() {
    extern __shared__ float4 memory[];
    return reinterpret_cast<T*>(memory);
}

// Reads what no thread of the launch writes, so that it can be read before what is written above.
template <class T>
DEVICE T read_only(const T* from) { return __ldg(from); }

// Begins to copy so many bytes (4 or 16) to the block's memory; zeros where `there` is false, and nothing is read then.
template <int BYTES>
DEVICE void copy_async(float* to, const float* from, bool there) {
    unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(to));
    int bytes = there ? BYTES : 0;
    if constexpr (BYTES == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(bytes) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(address), "l"(from), "r"(bytes) : "memory");
}

// Ends a group of copies.
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most so many of this thread's groups are under way.
template <int GROUPS>
DEVICE void copy_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory");
}

// The nearest number of ten bits of mantissa, ties away from zero, which is what a tensor core reads.
DEVICE float to_tf32(float x) {
    unsigned y;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
    return __uint_as_float(y);
}

// d += a b, for a 16 x 8 and an 8 x 8 matrix that a warp holds. Lane 4 g + q holds of a: (g, q), (g + 8, q), (g, q + 4) and
// (g + 8, q + 4); of b: (q, g), (q + 4, g); of d: (g, 2 q), (g, 2 q + 1), (g + 8, 2 q), (g + 8, 2 q + 1).
DEVICE void multiply_add(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])), "r"(__float_as_uint(a[3])),
          "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}

#else
#include "host.h"
#endif
