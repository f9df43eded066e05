#!/usr/bin/env python3
"""Compiles the kernels to PTX with NVRTC 12.4 (PyPI: nvidia-cuda-nvrtc-cu12==12.4.127), which needs no card and no toolkit.

The same sources give the same bytes. Usage: compile.py [OUT]; without OUT, compares with what is committed.
"""
import ctypes, glob, hashlib, os, sys

HERE = os.path.dirname(os.path.abspath(__file__))
KERNELS = os.path.join(HERE, "kernels")
PTX = os.path.join(HERE, "ptx", "elbo.ptx")
VERSION = (12, 4)


def nvrtc():
    for place in sys.path:
        for name in glob.glob(os.path.join(place, "nvidia", "cuda_nvrtc", "lib", "libnvrtc.so.12")):
            return ctypes.CDLL(name)
    sys.exit("no NVRTC: pip install nvidia-cuda-nvrtc-cu12==12.4.127")


def compile_ptx():
    lib = nvrtc()
    major, minor = ctypes.c_int(), ctypes.c_int()
    lib.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    if (major.value, minor.value) != VERSION:
        sys.exit(f"NVRTC is {major.value}.{minor.value}, not {VERSION}: another compiler writes other PTX")
    program = ctypes.c_void_p()
    source = open(os.path.join(KERNELS, "elbo.cu"), "rb").read()
    assert lib.nvrtcCreateProgram(ctypes.byref(program), source, b"elbo.cu", 0, None, None) == 0
    options = [b"--gpu-architecture=compute_80", b"--std=c++17", b"--fmad=true", b"-default-device", b"-I" + KERNELS.encode()]
    result = lib.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    lib.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    lib.nvrtcGetProgramLog(program, log)
    if log.value:
        print(log.value.decode(), file=sys.stderr)
    if result != 0:
        sys.exit("the kernels do not compile")
    lib.nvrtcGetPTXSize(program, ctypes.byref(size))
    ptx = ctypes.create_string_buffer(size.value)
    lib.nvrtcGetPTX(program, ptx)
    return ptx.value


def main():
    ptx = compile_ptx()
    if len(sys.argv) > 1:
        open(sys.argv[1], "wb").write(ptx)
    elif open(PTX, "rb").read() != ptx:
        sys.exit(f"{PTX} is not what the kernels compile to: crates/elbo-cuda/compile.py {PTX}")


main()
