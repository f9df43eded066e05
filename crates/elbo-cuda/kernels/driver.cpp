// A libcuda.so.1 without a card, for tests: NVIDIA's own header checks every signature, and the kernels run on the host.
//
// What an environment variable asks for goes wrong: ELBO_FAKE_MEMORY bytes of memory, ELBO_FAKE_LOST launches until the card
// is lost, ELBO_FAKE_CAPABILITY 7 for an old one, ELBO_FAKE_CARDS 0 for none. ELBO_FAKE_BLOCK is the most memory of a block,
// and ELBO_FAKE_SCHEDULE the order of the threads, 0 to 3.
#include <cuda.h>

#include "elbo.cu"

#include <map>
#include <string>

namespace {

struct Kernel {
    std::function<void(void**)> run;
    size_t size;
};

template <class T>
Kernel kernel(void (*function)(T)) {
    return {[function](void** params) { function(*static_cast<std::remove_const_t<T>*>(params[0])); }, sizeof(T)};
}

#define NAMED(name) {#name, kernel(name)}
const std::map<std::string, Kernel> kernels = {
    NAMED(gather_tf32_64), NAMED(gather_tf32_32), NAMED(gather_tf32_64_turned), NAMED(gather_tf32_32_turned),
    NAMED(gather_tf32_any), NAMED(gather_tf32_any_turned), NAMED(gather_f32_64), NAMED(gather_f32_32),
    NAMED(gather_f32_64_turned), NAMED(gather_f32_32_turned), NAMED(gather_f32_any), NAMED(gather_f32_any_turned),
    NAMED(resident_tf32_64), NAMED(resident_tf32_32), NAMED(resident_tf32_64_turned), NAMED(resident_tf32_32_turned),
    NAMED(resident_tf32_64_small), NAMED(resident_tf32_32_small), NAMED(resident_tf32_64_small_turned),
    NAMED(resident_tf32_32_small_turned),
    NAMED(resident_f32_64), NAMED(resident_f32_32), NAMED(resident_f32_64_turned), NAMED(resident_f32_32_turned),
    NAMED(resident_f32_64_small), NAMED(resident_f32_32_small), NAMED(resident_f32_64_small_turned),
    NAMED(resident_f32_32_small_turned),
    NAMED(weight_gradient_tf32_64), NAMED(weight_gradient_tf32_32), NAMED(weight_gradient_tf32_any),
    NAMED(weight_gradient_f32_64), NAMED(weight_gradient_f32_32), NAMED(weight_gradient_f32_any), NAMED(logits_1),
    NAMED(logits_2), NAMED(logits_3), NAMED(logits_4), NAMED(narrow_gather_1), NAMED(narrow_gather_2), NAMED(narrow_gather_3),
    NAMED(narrow_gather_4), NAMED(narrow_gradients_1), NAMED(narrow_gradients_2), NAMED(narrow_gradients_3),
    NAMED(narrow_gradients_4), NAMED(narrow_weight_gradient_1), NAMED(narrow_weight_gradient_2), NAMED(narrow_weight_gradient_3),
    NAMED(narrow_weight_gradient_4), NAMED(latent_draw), NAMED(latent_back), NAMED(class_sums), NAMED(pixels), NAMED(round_all),
    NAMED(reduce), NAMED(mean_loss), NAMED(update), NAMED(muon_step), NAMED(muon_polynomial), NAMED(muon_normalize),
    NAMED(muon_combine),
};

struct Launch {
    const Kernel* kernel;
    unsigned grid[3], threads, shared;
    std::vector<uint64_t> args;
};

struct Graph {
    CUstream stream;
    std::vector<Launch> launches;
    // Of other streams, that nothing has waited for.
    std::vector<Launch> beside;

    void join() {
        launches.insert(launches.end(), beside.begin(), beside.end());
        beside.clear();
    }
};

Graph* capturing;
size_t taken, handles = 0x100;
std::map<CUevent, CUstream> recorded;
std::map<CUdeviceptr, size_t> pieces;
long launched;

long asked(const char* name, long otherwise) {
    const char* value = getenv(name);
    return value ? atol(value) : otherwise;
}

CUresult run(Launch& launch) {
    if (++launched > asked("ELBO_FAKE_LOST", 1L << 60)) return CUDA_ERROR_ILLEGAL_ADDRESS;
    host::schedule = static_cast<int>(asked("ELBO_FAKE_SCHEDULE", 0));
    void* params[1] = {launch.args.data()};
    host::launch(launch.grid, static_cast<int>(launch.threads), launch.shared, [&] { launch.kernel->run(params); });
    return CUDA_SUCCESS;
}

bool lost() { return launched > asked("ELBO_FAKE_LOST", 1L << 60); }
CUresult now() { return lost() ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_SUCCESS; }
CUcontext current;

}  // namespace

extern "C" {
CUresult CUDAAPI cuInit(unsigned) { return CUDA_SUCCESS; }
CUresult CUDAAPI cuDriverGetVersion(int* version) { return *version = 12040, CUDA_SUCCESS; }
CUresult CUDAAPI cuDeviceGet(CUdevice* device, int number) {
    *device = number;
    return number ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}
CUresult CUDAAPI cuDeviceGetCount(int* count) { return *count = static_cast<int>(asked("ELBO_FAKE_CARDS", 1)), CUDA_SUCCESS; }
CUresult CUDAAPI cuDeviceGetName(char* name, int len, CUdevice) {
    snprintf(name, static_cast<size_t>(len), "Stand-in");
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuDeviceTotalMem(size_t* bytes, CUdevice) {
    *bytes = static_cast<size_t>(asked("ELBO_FAKE_MEMORY", 1L << 34));
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
    *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR             ? static_cast<int>(asked("ELBO_FAKE_CAPABILITY", 9))
             : attribute == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN ? static_cast<int>(asked("ELBO_FAKE_BLOCK", 227 * 1024))
                                                                                  : 0;
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) {
    *context = reinterpret_cast<CUcontext>(0x10);
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuDevicePrimaryCtxRelease(CUdevice) { return CUDA_SUCCESS; }
CUresult CUDAAPI cuCtxSetCurrent(CUcontext context) { return current = context, CUDA_SUCCESS; }
CUresult CUDAAPI cuCtxGetCurrent(CUcontext* context) { return *context = current, CUDA_SUCCESS; }
CUresult CUDAAPI cuCtxSynchronize() { return now(); }
CUresult CUDAAPI cuStreamCreate(CUstream* stream, unsigned) {
    *stream = reinterpret_cast<CUstream>(++handles);
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuStreamDestroy(CUstream) { return CUDA_SUCCESS; }
CUresult CUDAAPI cuStreamSynchronize(CUstream) { return now(); }
CUresult CUDAAPI cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
    if (capturing && stream == capturing->stream && recorded[event] != stream) capturing->join();
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuEventCreate(CUevent* event, unsigned) {
    *event = reinterpret_cast<CUevent>(++handles);
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuEventRecord(CUevent event, CUstream stream) { return recorded[event] = stream, CUDA_SUCCESS; }
CUresult CUDAAPI cuEventQuery(CUevent) { return now(); }
CUresult CUDAAPI cuEventSynchronize(CUevent) { return now(); }
CUresult CUDAAPI cuEventElapsedTime(float* milliseconds, CUevent, CUevent) { return *milliseconds = 1.f, CUDA_SUCCESS; }
CUresult CUDAAPI cuEventDestroy(CUevent) { return CUDA_SUCCESS; }
CUresult CUDAAPI cuMemGetInfo(size_t* free, size_t* total) {
    *total = static_cast<size_t>(asked("ELBO_FAKE_MEMORY", 1L << 34));
    *free = *total - taken;
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuMemAlloc(CUdeviceptr* address, size_t bytes) {
    if (taken + bytes > static_cast<size_t>(asked("ELBO_FAKE_MEMORY", 1L << 34))) return CUDA_ERROR_OUT_OF_MEMORY;
    void* piece = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!piece) return CUDA_ERROR_OUT_OF_MEMORY;
    memset(piece, 0xff, bytes);  // NaN
    *address = reinterpret_cast<CUdeviceptr>(piece);
    pieces[*address] = bytes;
    taken += bytes;
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuMemFree(CUdeviceptr address) {
    auto piece = pieces.find(address);
    if (piece == pieces.end()) return CUDA_ERROR_INVALID_VALUE;
    taken -= piece->second;
    pieces.erase(piece);
    free(reinterpret_cast<void*>(address));
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuMemHostAlloc(void** address, size_t bytes, unsigned) { return *address = malloc(bytes), CUDA_SUCCESS; }
CUresult CUDAAPI cuMemFreeHost(void* address) { return free(address), CUDA_SUCCESS; }
static bool inside(CUdeviceptr address, size_t bytes) {
    auto piece = pieces.upper_bound(address);
    return piece != pieces.begin() && (--piece, address + bytes <= piece->first + piece->second);
}
CUresult CUDAAPI cuMemcpyHtoD(CUdeviceptr to, const void* from, size_t bytes) {
    if (!inside(to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    memcpy(reinterpret_cast<void*>(to), from, bytes);
    return now();
}
CUresult CUDAAPI cuMemcpyDtoH(void* to, CUdeviceptr from, size_t bytes) {
    if (!inside(from, bytes)) return CUDA_ERROR_INVALID_VALUE;
    memcpy(to, reinterpret_cast<void*>(from), bytes);
    return now();
}
CUresult CUDAAPI cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, size_t bytes, CUstream) { return cuMemcpyHtoD(to, from, bytes); }
CUresult CUDAAPI cuMemcpyDtoHAsync(void* to, CUdeviceptr from, size_t bytes, CUstream) { return cuMemcpyDtoH(to, from, bytes); }
CUresult CUDAAPI cuModuleLoadData(CUmodule* module, const void* image) {
    *module = reinterpret_cast<CUmodule>(0x40);
    auto* text = static_cast<const char*>(image);
    return !memcmp(text, "\x7f" "ELF", 4) || strstr(text, ".version 8.4") ? CUDA_SUCCESS : CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
}
CUresult CUDAAPI cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }
CUresult CUDAAPI cuModuleGetFunction(CUfunction* function, CUmodule, const char* name) {
    auto found = kernels.find(name);
    if (found == kernels.end()) return CUDA_ERROR_NOT_FOUND;
    *function = reinterpret_cast<CUfunction>(const_cast<Kernel*>(&found->second));
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuFuncSetAttribute(CUfunction, CUfunction_attribute, int bytes) {
    return bytes <= asked("ELBO_FAKE_BLOCK", 227 * 1024) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUresult CUDAAPI cuLaunchKernel(CUfunction function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned ty, unsigned tz,
                                unsigned shared, CUstream stream, void** params, void**) {
    auto* kernel = reinterpret_cast<Kernel*>(function);
    if (!x || !y || !z || y > 65535 || z > 65535 || ty != 1 || tz != 1 || threads > 1024) return CUDA_ERROR_INVALID_VALUE;
    Launch launch{kernel, {x, y, z}, threads, shared, std::vector<uint64_t>((kernel->size + 7) / 8)};
    memcpy(launch.args.data(), params[0], kernel->size);
    if (!capturing) return run(launch);
    // As late as may be, every other time.
    bool late = stream != capturing->stream && asked("ELBO_FAKE_SCHEDULE", 0) % 2;
    (late ? capturing->beside : capturing->launches).push_back(launch);
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode) { return capturing = new Graph{stream, {}, {}}, CUDA_SUCCESS; }
CUresult CUDAAPI cuStreamEndCapture(CUstream, CUgraph* graph) {
    if (!capturing->beside.empty()) return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    *graph = reinterpret_cast<CUgraph>(capturing);
    capturing = nullptr;
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long) {
    *exec = reinterpret_cast<CUgraphExec>(graph);
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuGraphLaunch(CUgraphExec exec, CUstream) {
    for (Launch& launch : reinterpret_cast<Graph*>(exec)->launches)
        if (CUresult result = run(launch); result != CUDA_SUCCESS) return result;
    return CUDA_SUCCESS;
}
CUresult CUDAAPI cuGraphExecDestroy(CUgraphExec exec) { return delete reinterpret_cast<Graph*>(exec), CUDA_SUCCESS; }
CUresult CUDAAPI cuGraphDestroy(CUgraph) { return CUDA_SUCCESS; }
CUresult CUDAAPI cuGetErrorName(CUresult, const char** text) { return *text = "CUDA_ERROR", CUDA_SUCCESS; }
CUresult CUDAAPI cuGetErrorString(CUresult result, const char** text) {
    *text = result == CUDA_ERROR_OUT_OF_MEMORY ? "out of memory" : "an error of the stand-in";
    return CUDA_SUCCESS;
}
}
